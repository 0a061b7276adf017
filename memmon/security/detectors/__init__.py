"""Detectors: pure functions that say what an event, or a number of them, amounts to."""
