"""What single commands of the command line do; each is loaded only when it is asked for."""
