"""What MemMimic's runbook imports: memmon, by the name that the runbook has for it."""

from memmon.stack.server import MonitoringServer

__all__ = ["MonitoringServer"]
