"""Other gateways on the same line, in the same run."""
