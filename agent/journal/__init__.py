"""Where events become durable: SQLite, one writer thread, readers that only read."""
