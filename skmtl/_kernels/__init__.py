"""Compiled loops: nothing here validates input or knows an estimator."""
