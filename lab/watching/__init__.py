"""Runs that somebody watches while they go on, and changes by clicking: ``lab watch``."""
