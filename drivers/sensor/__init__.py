"""Sensors of the room."""
