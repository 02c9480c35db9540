"""The lab from Python: simulate, run, artefacts, conversation, serve."""
