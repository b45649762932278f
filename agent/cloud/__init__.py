"""The board's line to the school: MQTT 5, driven by the event loop, resent until the receipt."""
