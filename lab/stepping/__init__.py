"""Stepping: a run looked at event by event, forward and back, and changed on the way."""
