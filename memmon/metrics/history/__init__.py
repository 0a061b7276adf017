"""History: rollups of older samples in SQL."""
