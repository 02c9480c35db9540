"""Judges a whole mail program: it takes mail on a port, and sends it on to a host of ours."""
