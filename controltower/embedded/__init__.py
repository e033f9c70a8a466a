"""A Kafka and a Redis that need nothing installed: for trying out and for quick tests, nothing in them lasts."""
