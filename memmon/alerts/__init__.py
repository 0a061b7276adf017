"""Alerts: rules over metrics, and findings of detectors, from inactive to resolved."""
