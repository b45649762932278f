"""One file per device model: what hardware says becomes a reading, and nothing more."""
