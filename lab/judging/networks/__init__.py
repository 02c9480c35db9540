"""Judges programs as hosts of a network: random ones, or that of a topology file."""
