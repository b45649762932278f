"""What our own receivers' microcontrollers and the host say to each other (see PROTOCOL.md)."""
