"""Dagster: one file a kind of definition."""
