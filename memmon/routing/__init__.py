"""Routing: which receiver hears of which alerts, together with which others, and when; and why not."""
