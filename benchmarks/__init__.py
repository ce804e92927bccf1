"""Measurements of skmtl beside the alternatives, each in one run with its rival.

``python -m benchmarks.NAME`` runs one of them; ``python -m benchmarks`` lists them and
runs the short ones.
"""
