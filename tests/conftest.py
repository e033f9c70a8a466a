"""Fixtures shared by all tests."""

from tests.kafka import real_kafka

__all__ = ["real_kafka"]
