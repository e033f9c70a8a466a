"""A Kafka and a Redis that need nothing installed; for trying out, nothing in them lasts."""
