"""Health: five checks, the verdict of a round, and the score between 0 and 1."""
