"""What a run has to say: its summary, and what happened to a single row."""
