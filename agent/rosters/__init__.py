"""Class lists from files as schools have them: read, looked over, taken, undone."""
