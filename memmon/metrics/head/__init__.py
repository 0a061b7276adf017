"""The head block: recent samples in Redis ring buffers."""
