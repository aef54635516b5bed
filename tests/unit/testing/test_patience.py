"""Timeouts of tests: exact where nobody looks, and longer where somebody does."""

from __future__ import annotations

import asyncio
import sys
import time
from types import FrameType, ModuleType
from typing import Any

import pytest

from outboard.testing import patience
from outboard.testing.patience import is_debugged, patiently, stretched

pytestmark = pytest.mark.anyio


async def test_a_timeout_that_is_over() -> None:
    with pytest.raises(TimeoutError):
        async with patiently(0.01):
            await asyncio.Event().wait()


async def test_what_ends_in_time() -> None:
    async with patiently(0.01):
        pass
    await asyncio.sleep(0.02)


async def test_under_a_debugger_there_is_an_hour() -> None:
    over = asyncio.Event()
    asyncio.get_running_loop().call_later(0.05, over.set)
    async with patiently(0.01, lambda: True):
        await over.wait()


async def test_time_in_which_the_loop_stood_still_does_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "SLICE", 0.01)
    over = asyncio.Event()

    def stand_still() -> None:
        time.sleep(0.3)  # as at a breakpoint
        asyncio.get_running_loop().call_later(0.02, over.set)

    asyncio.get_running_loop().call_later(0.02, stand_still)
    async with patiently(0.15):
        await over.wait()


def test_a_function_that_traces_is_a_debugger(monkeypatch: pytest.MonkeyPatch) -> None:
    def trace(frame: FrameType, event: str, argument: Any) -> None: ...

    monkeypatch.setattr(sys, "gettrace", lambda: trace)
    assert is_debugged()
    assert stretched(1) == 3600
    trace.__module__ = "coverage.pytracer"
    assert not is_debugged()
    assert stretched(1) == 1


def test_debugpy_counts_once_a_client_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    debugpy: Any = ModuleType("debugpy")
    debugpy.is_client_connected = lambda: False
    monkeypatch.setattr(sys, "gettrace", lambda: None)
    monkeypatch.setitem(sys.modules, "debugpy", debugpy)
    assert not is_debugged()
    debugpy.is_client_connected = lambda: True
    assert is_debugged()


def test_a_debugger_of_sys_monitoring(monkeypatch: pytest.MonkeyPatch) -> None:
    class Monitoring:
        DEBUGGER_ID = 0
        tool: str | None = None

        def get_tool(self, number: int) -> str | None:
            return self.tool if number == 0 else "coverage"

    monitoring = Monitoring()
    monkeypatch.setattr(sys, "gettrace", lambda: None)
    monkeypatch.setattr(sys, "monitoring", monitoring, raising=False)
    assert not is_debugged()
    monitoring.tool = "a debugger"
    assert is_debugged()
