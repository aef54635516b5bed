"""What was published while things failed, and has had to wait: `test_what_fails_under_load`."""

from __future__ import annotations

import pytest

from support.cluster_load import Load

pytestmark = pytest.mark.engine("cluster")


def test_behind_a_kafka_that_was_deleted_by_force_all_arrives(whole_load: Load) -> None:
    whole_load.stop()
    whole_load.all_arrives()


def test_in_the_end_nothing_is_lost_or_applied_twice(whole_load: Load) -> None:
    whole_load.stop()
    committed, applied = whole_load.committed(), whole_load.applied()
    assert set(whole_load.acknowledged()) <= committed
    assert set(applied) == committed
    assert set(applied.values()) == {1}
