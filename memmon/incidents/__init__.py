"""Incidents: what belongs together, what is done about it, who is told, whether it helped, and the record of it all."""
