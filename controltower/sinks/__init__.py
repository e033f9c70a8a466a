"""Exceptions and actions for those who read no Kafka: signed webhooks and e-mail, at least once."""
