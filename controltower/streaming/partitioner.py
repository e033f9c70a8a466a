"""Which partition a key belongs to: murmur2, as Java's default partitioner."""

from __future__ import annotations

from functools import lru_cache

from aiokafka.partitioner import murmur2


@lru_cache(maxsize=1 << 16)
def partition_of(key: bytes, partitions: int) -> int:
    """The partition of `key` among `partitions`; equal to what the Java client computes."""
    return int((murmur2(key) & 0x7FFFFFFF) % partitions)
