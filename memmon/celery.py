"""Finds the application for `celery -A memmon`: the one place where memmon looks up to its
workers.
"""

from workers.app import app

__all__ = ["app"]
