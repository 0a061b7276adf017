"""The audit log: a hash chain of signed entries."""
