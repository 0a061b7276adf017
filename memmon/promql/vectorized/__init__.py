"""The vectorized evaluator: all steps of a query at once, in numpy."""
