"""What a register of names said is kept for a moment, unless somebody was not there."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import pytest

from outboard.sidecar.invocation.names.port import Announced
from outboard.sidecar.invocation.names.remembered import KEPT, RememberedNames
from outboard.sidecar.invocation.targets import AppName

pytestmark = pytest.mark.anyio
APP = AppName("app", "default")


class Register:
    """Says what it is told to say, and counts how often it was asked."""

    def __init__(self) -> None:
        self.known: Sequence[str] = ("one",)
        self.asked = 0

    @asynccontextmanager
    async def announced(self, sidecar: Announced) -> AsyncIterator[None]:
        yield

    async def find(self, name: AppName) -> Sequence[str]:
        self.asked += 1
        return self.known


async def test_it_is_asked_again_after_a_moment() -> None:
    register, now = Register(), [0.0]
    names = RememberedNames(register, lambda: now[0])
    assert [await names.find(APP), await names.find(APP), register.asked] == [("one",), ("one",), 1]
    now[0], register.known = KEPT, ("two",)
    assert await names.find(APP) == ("two",)


async def test_it_is_asked_again_when_somebody_was_not_there() -> None:
    register = Register()
    names = RememberedNames(register, lambda: 0.0)
    await names.find(APP)
    names.forget(APP)
    await names.find(APP)
    assert register.asked == 2


async def test_nobody_is_not_remembered() -> None:
    register = Register()
    register.known = ()
    names = RememberedNames(register, lambda: 0.0)
    assert [await names.find(APP), await names.find(APP), register.asked] == [(), (), 2]
