"""Messages: sending them, receiving them, and what became of each."""
