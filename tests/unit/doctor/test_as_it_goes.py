"""A look around this machine tells of each part as it ends, and in the end of all."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from outboard.clock import SystemClock
from outboard.doctor.evidence import AppSeen, Evidence, OutboxSeen
from outboard.doctor.laptop import look
from outboard.doctor.laptop.local_app import LocalApp
from outboard.doctor.laptop.look import Laptop
from outboard.doctor.walk import diagnose
from outboard.runs.record import RunningApp
from support.processes import free_ports

pytestmark = pytest.mark.anyio


async def test_what_takes_long_holds_nothing_else_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Apps first, then outboxes, and brokers last, which wait here until all else was told."""
    go_on = asyncio.Event()

    async def slow(*_: object) -> tuple[()]:
        await go_on.wait()
        return ()

    async def outbox(url: str) -> tuple[OutboxSeen, ...]:
        return (OutboxSeen(url, failure="not there"),)

    monkeypatch.setattr(look, "_brokers", slow)
    monkeypatch.setattr(look, "look_at_outboxes", outbox)
    (port,) = free_ports(1)
    app = RunningApp("shop", str(tmp_path), http_port=port)
    laptop = Laptop("here", [LocalApp(app, {})], SystemClock(), hops=tmp_path, outboxes=["sqlite:///none"])
    told: list[Evidence] = []
    async with asyncio.timeout(60):
        async for seen in laptop.as_it_goes():
            told.append(seen)
            if seen.outboxes:
                go_on.set()
    assert [len(each.apps) for each in told[:2]] == [0, 1]
    assert not told[1].outboxes
    assert told[-1].outboxes
    assert len(told) >= 4
    assert told[0].apps == ()
    assert [each.name for each in diagnose(told[0]).categories] == []
    assert "the sidecar" in [each.name for each in diagnose(told[1]).categories]


async def test_whoever_goes_away_ends_the_look(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ended = asyncio.Event()

    async def endless(*_: object) -> tuple[()]:
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()
        return ()

    async def no_app(target: LocalApp, _: object) -> tuple[AppSeen, None, tuple[()]]:
        return AppSeen(target.app.app_id, 0, 0), None, ()

    monkeypatch.setattr(look, "_brokers", endless)
    monkeypatch.setattr(look, "_app", no_app)
    laptop = Laptop("here", [LocalApp(RunningApp("shop", str(tmp_path)), {})], SystemClock())
    looking = laptop.as_it_goes()
    async with asyncio.timeout(60):
        while not (await anext(looking)).apps:
            pass
        await anext(looking)  # the record of events: brokers have begun
        await looking.aclose()  # type: ignore[attr-defined]
        await ended.wait()
