"""Mutants: the code broken in one place at a time, to see that the tests notice."""
