"""A class: what its students get, the marks for what they hand in, and what they read about it."""
