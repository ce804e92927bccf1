"""Multi-task learning on tables, for everyone who knows scikit-learn."""

__version__ = "0.1.0.dev0"
