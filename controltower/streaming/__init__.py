"""Kafka transactions around pure stage logic: the only package that knows the inside of Faust."""
