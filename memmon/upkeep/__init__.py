"""Keeping memmon itself in order: what was given up, and what the broker lost."""
