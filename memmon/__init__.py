"""memmon: monitoring, alerting and automated incident response for MemMimic.

This module imports nothing, so that `python3 -m memmon` works before anything is installed.
"""

__version__ = "0.2.0"
