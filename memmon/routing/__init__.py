"""Routing: decides which receivers are notified of which alerts, in which groups, and when."""
