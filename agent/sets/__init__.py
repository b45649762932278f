"""Prepared question sets, from and to the files that schools have. Pure: bytes in, bytes out."""
