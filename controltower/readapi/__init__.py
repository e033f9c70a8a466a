"""A read-only HTTP API on the read model, for screens that do not read Kafka."""
