"""An outbox as it is told: what should not stay so has a sentence."""

from __future__ import annotations

import pytest

from outboard.dashboard.views.outbox_page import RelayRow, age, outbox_view
from outboard.kit.outbox.port import Depth

OF = ("db1", "shop", "shop.db")
RELAYS = (RelayRow("7", 16),)


def test_what_is_well_has_no_remark() -> None:
    view = outbox_view(OF, "outboard_outbox", Depth(2, 0, 0.5), 0, RELAYS, ())
    assert (view.waiting, view.oldest, view.parked_count, view.remarks) == (2, "0.5 s", 0, [])
    assert outbox_view(OF, "outboard_outbox", Depth(0, 0, 0.0), 0, RELAYS, ()).oldest == ""


def test_what_should_not_stay_so_is_told() -> None:
    (nobody,) = outbox_view(OF, "t", Depth(1, 0, 900.0), 0, (), ()).remarks
    assert nobody.startswith("Nobody relays it")
    (old,) = outbox_view(OF, "t", Depth(1, 0, 900.0), 0, RELAYS, ()).remarks
    assert "waited for long" in old
    (held,) = outbox_view(OF, "t", Depth(1, 0, 1.0), 3, RELAYS, ()).remarks
    assert held.startswith("3 keys wait for an event that failed")
    (one,) = outbox_view(OF, "t", Depth(1, 0, 1.0), 1, RELAYS, ()).remarks
    assert one.startswith("1 key waits")


@pytest.mark.parametrize(
    ("seconds", "told"), [(0.25, "0.2 s"), (59.9, "59.9 s"), (61, "1 min 1 s"), (7_325, "2 h 2 min")]
)
def test_an_age_has_two_units_at_most(seconds: float, told: str) -> None:
    assert age(seconds) == told
