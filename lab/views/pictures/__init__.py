"""Pictures of a trace, drawn with matplotlib."""
