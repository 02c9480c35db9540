"""The simulated driver: hosts, links and faults on SimPy's clock."""
