"""The exact evaluator: one step at a time, the reference for the vectorized one."""
