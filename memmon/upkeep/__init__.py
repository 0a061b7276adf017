"""Upkeep of memmon itself: dead letters, redeliveries, and retention."""
