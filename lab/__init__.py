"""smtp-lab: RFC 821's engines over simulated links, to run, to step and to see."""
