"""Matrices -> numbers: differences, power, bootstrap; knows nothing of runs or pages."""
