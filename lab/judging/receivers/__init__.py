"""The cases of receivers, and how a receiver is judged."""
