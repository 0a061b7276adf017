"""Celery tasks: doors to memmon's services. A task's arguments are ids, and it decides nothing."""
