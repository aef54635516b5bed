"""A database that cannot be reached is told of without its password."""

from __future__ import annotations

import traceback
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from sqlalchemy import create_engine

from outboard import Outbox
from outboard.errors import OutboardError
from support.processes import free_ports

pytestmark = pytest.mark.anyio
PASSWORD = "hunter2-password"


@pytest.mark.parametrize(
    "ask",
    [
        Outbox.waiting,
        Outbox.parked,
        lambda outbox: outbox.store.prepare(),
        lambda outbox: outbox.store.leases(),
    ],
    ids=["waiting", "parked", "prepare", "leases"],
)
async def test_no_password_is_in_what_is_raised(ask: Callable[[Outbox], Awaitable[Any]]) -> None:
    (port,) = free_ports(1)
    url = f"postgresql+psycopg://shop:{PASSWORD}@127.0.0.1:{port}/shop"
    outbox = Outbox(create_engine(url))

    with pytest.raises(OutboardError) as caught:
        await ask(outbox)

    told = "".join(traceback.format_exception(caught.value))
    assert "Connection refused" in told or "connection failed" in told
    assert PASSWORD not in told + repr(outbox) + repr(vars(caught.value))
    assert PASSWORD not in str((await outbox.health()).reason)
