"""Notification: one row a message, one file a channel, every attempt on record."""
