"""What devices and host say to each other, without I/O: bytes, and who speaks when."""
