"""Whiteboards: what is drawn on them."""
