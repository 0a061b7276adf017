"""Redis: hot state, queues and the live feed. What must never be lost is in SQL."""
