"""A trace as text: transcripts and tables."""
