"""What shows that decoders hold: recordings, made-up bytes, and oracles that say what they mean."""
