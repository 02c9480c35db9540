"""Sweeps: a topology under every combination of values and seeds."""
