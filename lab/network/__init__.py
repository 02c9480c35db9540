"""Time and distance: the clock, links, channels, connections and transport services."""
