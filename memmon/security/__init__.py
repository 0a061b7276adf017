"""Security: events, detectors over them, restrictions that follow, and who may call memmon."""
