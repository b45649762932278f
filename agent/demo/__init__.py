"""A virtual classroom around a real agent: what `classroom-agent demo` runs.

Broker, ingest and agent are processes of their own, as at a school; clickers, card reader and
phones are virtual, and speak the real bytes.
"""
