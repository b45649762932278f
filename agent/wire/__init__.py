"""Topics and payloads that a board and its school share. Pure: bytes in, values out."""
