"""Incidents: correlation, response, paging, verification and their timeline."""
