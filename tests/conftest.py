"""Fixtures shared by all tests."""

from hypothesis import settings

from tests.kafka import real_kafka

__all__ = ["real_kafka"]

# How long an example takes says how busy the machine is.
settings.register_profile("whatever-the-load", deadline=None)
settings.load_profile("whatever-the-load")
