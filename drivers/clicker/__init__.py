"""Receivers of answer clickers, one file per model."""
