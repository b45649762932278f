"""The tests, by folder. This file keeps `tests/drivers/` apart from `drivers/`."""
