"""Which partition a message goes to: the one that daprd's client, sarama, would choose. Pure."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Final

__all__ = ["PartitionOutOfRange", "fnv1a", "partition_for"]

OFFSET_BASIS: Final = 0x811C9DC5
PRIME: Final = 0x01000193
REMEMBERED: Final = 10_000  # keys
MASK: Final = 0xFFFFFFFF
SIGN: Final = 1 << 31


class PartitionOutOfRange(ValueError):
    """The topic has no partition of the wanted number."""


@lru_cache(REMEMBERED)
def fnv1a(data: bytes) -> int:
    """The 32-bit FNV-1a hash, unsigned. Source: RFC 9923, "The FNV Non-Cryptographic Hash Algorithm"."""
    value = OFFSET_BASIS
    for byte in data:
        value = (value ^ byte) * PRIME & MASK
    return value


def partition_for(key: bytes | None, wanted: int | None, partitions: int, random: Callable[[], float]) -> int:
    """From 0 to below `partitions`: the `wanted` one, else by `key`, else by `random` (from 0 to below 1).

    The hash counts as a signed number, whose remainder loses its sign: so does sarama, and other clients do
    not. An empty key is a key. Raises PartitionOutOfRange.
    """
    if wanted is not None:
        if wanted >= partitions:
            raise PartitionOutOfRange(
                f"partition number {wanted} is out of range, topic has {partitions} partitions"
            )
        return wanted
    if key is None:
        return int(random() * partitions)
    value = fnv1a(key)
    return (value if value < SIGN else (1 << 32) - value) % partitions
