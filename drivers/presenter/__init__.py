"""Presenters: the teacher's remote control."""
