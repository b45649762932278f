"""Virtual devices that speak the real bytes; for tests and the demo only."""
