from __future__ import annotations

import pytest

from outboard.sidecar.components.kafka.partitioner import PartitionOutOfRange, fnv1a, partition_for


@pytest.mark.parametrize(
    ("data", "value"),
    [(b"", 0x811C9DC5), (b"a", 0xE40C292C), (b"foobar", 0xBF9CF968), (b"\x00", 0x050C5D1F)],
)
def test_the_hash_is_that_of_its_specification(data: bytes, value: int) -> None:
    assert fnv1a(data) == value


@pytest.mark.parametrize(("key", "partition"), [(b"k1", 5), (b"", 2)])
def test_a_key_goes_where_daprd_puts_it(key: bytes, partition: int) -> None:
    """Seen of daprd 1.18 on seven partitions; a conformance test asks it for hundreds of keys."""
    assert partition_for(key, None, 7, lambda: 0.0) == partition


def test_a_negative_hash_loses_its_sign_after_the_division() -> None:
    signed = fnv1a(b"a") - 2**32
    assert signed < 0
    assert partition_for(b"a", None, 10, lambda: 0.0) == -signed % 10 != fnv1a(b"a") % 10


@pytest.mark.parametrize(("chance", "partition"), [(0.0, 0), (0.26, 1), (0.999, 3)])
def test_without_a_key_chance_decides(chance: float, partition: int) -> None:
    assert partition_for(None, None, 4, lambda: chance) == partition


def test_a_wanted_partition_counts_more_than_the_key() -> None:
    assert partition_for(b"k1", 3, 7, lambda: 0.0) == 3
    with pytest.raises(
        PartitionOutOfRange, match="partition number 7 is out of range, topic has 7 partitions"
    ):
        partition_for(None, 7, 7, lambda: 0.0)
