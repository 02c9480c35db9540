"""The trace: the one written record of a run, in memory and on disk."""
