"""SQL: the durable record. Rooms' stores use `tables`; nothing else does."""
