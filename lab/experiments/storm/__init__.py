"""Storm: random networks, mail and faults; every run is checked."""
