"""Many runs: a topology broken at every step, random networks with random faults."""
