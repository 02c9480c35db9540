"""What a trace means: each derived fact has one function here."""
