"""Gradient boosting of decision trees for many tasks."""
