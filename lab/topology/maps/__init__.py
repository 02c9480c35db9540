"""Readers of graph files: each format becomes a :class:`lab.topology.maps.map.Map`."""
