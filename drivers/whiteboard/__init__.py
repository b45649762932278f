"""Whiteboards: what is drawn on them, and their trays."""
