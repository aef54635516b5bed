"""Asking: the questions of a group, put to both sidecars side by side."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

from conformance.app import Received
from conformance.http1 import LOOPBACK, Answer, Gone, exchange
from conformance.masking import Mask
from conformance.question import Ask, Group, Question
from conformance.sidecars import Program, Running, launched, stopped_together, until_ready

__all__ = ["Observed", "Pair", "ask_all", "masked_answers", "masked_deliveries", "pair"]

Exchange: TypeAlias = Callable[..., Awaitable[Answer | Gone]]
"""`http1.exchange`, or the same by another protocol."""
VERSION = "1.18.1"
AT_ONCE = 12
HEALTH = ("/healthz",)
HEARD = 2  # when the second check comes, the answer to the first is known
ARRIVAL = 15.0
"""Seconds: how long deliveries are waited for."""
Delivery = tuple[str, str, dict[str, str], object]
"""Method, target, headers and body, masked."""
TRANSPORT = frozenset(
    [
        "accept",
        "accept-encoding",
        "connection",
        "content-length",
        "date",
        "host",
        "server",
        "transfer-encoding",
        "user-agent",
    ]
)


@dataclass(frozen=True, slots=True)
class Observed:
    """What one sidecar did about one question, masked: its answers, and what its app got."""

    answers: tuple[object, ...]
    deliveries: tuple[object, ...]


@dataclass(frozen=True, slots=True)
class Pair:
    """The real daprd and ours, both running."""

    real: Running
    ours: Running
    exchange: Exchange = exchange
    _slots: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(AT_ONCE))

    async def ask(self, question: Question) -> tuple[Observed, Observed]:
        """The same question to both at the same time: what daprd did, and what ours did.

        Once more where daprd did not deliver what the question says: its client counts an attempt on a
        connection that the app has just closed, and then the app got one event less.
        """
        async with self._slots:
            real, ours = await self._ask_both(question)
            if len(real.deliveries) != question.deliveries:
                for sidecar in (self.real, self.ours):
                    sidecar.app.forget_at(question.watched)
                real, ours = await self._ask_both(question)
        return real, ours

    async def _ask_both(self, question: Question) -> tuple[Observed, Observed]:
        both = (_ask(sidecar, question, self.exchange) for sidecar in (self.real, self.ours))
        real, ours = await asyncio.gather(*both)
        return real, ours


@asynccontextmanager
async def pair(
    programs: tuple[Program, Program], group: Group, folder: Path, exchange: Exchange = exchange
) -> AsyncIterator[Pair]:
    """Both sidecars with the files of `group`; `programs` are daprd and ours."""
    first, second = programs
    async with (
        launched(first, group, folder / first.name) as real,
        launched(second, group, folder / second.name) as ours,
    ):
        await until_ready(real)
        await until_ready(ours)
        async with stopped_together(real, ours):
            yield Pair(real, ours, exchange)


async def ask_all(
    programs: tuple[Program, Program], group: Group, folder: Path, exchange: Exchange = exchange
) -> dict[str, tuple[Observed, Observed]]:
    """What both did, for each question of the group by name."""
    async with pair(programs, group, folder, exchange) as both:
        observed = await asyncio.gather(*(both.ask(question) for question in group.questions))
    return {question.name: each for question, each in zip(group.questions, observed, strict=True)}


async def masked_answers(
    sidecar: Running, asks: Sequence[Ask], exchange: Exchange = exchange
) -> tuple[object, ...]:
    """What one sidecar answers to each request, one after the other."""
    mask = _mask(sidecar, asks)
    answers, etag = list[object](), ""
    for each in asks:
        if each.health is not None:
            sidecar.app.health = each.health
            await sidecar.app.until(HEALTH, len(sidecar.app.at(HEALTH)) + HEARD)
        await asyncio.sleep(each.pause)
        answer = await _exchange(sidecar, each, etag, exchange)
        if isinstance(answer, Answer):
            etag = answer.header("etag") or etag
        answers.append(_masked_answer(answer, mask))
    return tuple(answers)


def masked_deliveries(sidecar: Running, asks: Sequence[Ask], paths: Iterable[str]) -> tuple[Delivery, ...]:
    """What the app got at `paths` up to now; `asks` led to it."""
    mask = _mask(sidecar, asks)
    return tuple(_masked_received(each, mask) for each in sidecar.app.at(paths))


def _mask(sidecar: Running, asks: Sequence[Ask]) -> Mask:
    return Mask(_text_of(asks), sidecar.ports, sidecar.folder.as_posix(), (VERSION,))


async def _ask(sidecar: Running, question: Question, exchange: Exchange) -> Observed:
    sidecar.app.prepare(question.answers)
    answers = await masked_answers(sidecar, question.asks, exchange)
    await _arrive(sidecar, question)
    received = masked_deliveries(sidecar, question.asks, question.watched)
    return Observed(answers, _in_order(received, question))


def _in_order(received: tuple[Delivery, ...], question: Question) -> tuple[Delivery, ...]:
    """As they came, but for the order that neither sidecar promises."""
    if question.unordered:
        return tuple(sorted(received, key=repr))
    return tuple(sorted(received, key=lambda each: each[1])) if question.side_by_side else received


async def _exchange(sidecar: Running, each: Ask, etag: str, exchange: Exchange) -> Answer | Gone:
    headers = {name: value.replace("{etag}", etag) for name, value in each.headers.items()}
    body = each.body.replace(b"{etag}", etag.encode())
    port = sidecar.public_port if each.public else sidecar.port
    host = _other_address() if each.elsewhere else LOOPBACK
    return await exchange(port, each.method, each.target, body, headers, host)


def _other_address() -> str:
    """Of this machine, as other machines may know it."""
    own = socket.gethostbyname(socket.gethostname())
    return own if own != LOOPBACK else "127.0.0.2"


async def _arrive(sidecar: Running, question: Question) -> None:
    """Wait for what the app is to get, and then for what it should not."""
    if not question.watched:
        return
    with suppress(TimeoutError):
        async with asyncio.timeout(ARRIVAL):
            await sidecar.app.until(question.watched, question.deliveries)
    await asyncio.sleep(question.quiet)


def _masked_answer(answer: Answer | Gone, mask: Mask) -> object:
    if isinstance(answer, Gone):
        return "no answer"
    return (answer.status, _masked_headers(answer.headers, mask), mask.body(answer.body))


def _masked_received(received: Received, mask: Mask) -> Delivery:
    headers = _masked_headers(received.headers, mask)
    return (received.method, received.target, headers, mask.body(received.body))


def _masked_headers(headers: Sequence[tuple[str, str]], mask: Mask) -> dict[str, str]:
    """Those that matter: not the ones by which two HTTP libraries talk to each other."""
    matter: dict[str, list[str]] = {}
    for name, value in headers:
        if name not in TRANSPORT:
            matter.setdefault(name, []).append(mask.text(value))
    return {name: ", ".join(matter[name]) for name in sorted(matter)}


def _text_of(asks: Sequence[Ask]) -> str:
    """All that is sent, as text."""
    return "\n".join(
        f"{each.target}\n{dict(each.headers)}\n{each.body.decode('utf-8', 'replace')}" for each in asks
    )
