"""Stepping: go through a run event by event, forward and back, and change it."""
