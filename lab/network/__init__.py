"""Time and distance: the topology, links, channels and transport services."""
