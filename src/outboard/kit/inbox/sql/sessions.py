"""Sessions for handlers, of a synchronous engine or an asynchronous one, used in one way.

Threads, where the engine is synchronous. None of them waits for what only another one of its kind can end:

    work            threads      may wait for
    claim           40 own ones  the transaction that claimed the event first, to end
    the handler     FastAPI's    locks of other handlers, whose transactions end
    end, roll back  40 own ones  the database
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeAlias, TypeVar

import anyio.to_thread
from anyio import CapacityLimiter
from anyio.lowlevel import RunVar
from sqlalchemy import Engine
from sqlalchemy.orm import Session, sessionmaker

from outboard.kit.arguments import wrong

if TYPE_CHECKING:
    # importing them needs greenlet, which an Engine does without
    from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker

__all__ = ["OpenSession", "SessionSource", "Sessions"]

T = TypeVar("T")

SessionSource: TypeAlias = "Engine | AsyncEngine | sessionmaker[Session] | async_sessionmaker[AsyncSession]"


THREADS: Final = 40
CLAIMING: Final[RunVar[CapacityLimiter]] = RunVar("outboard-inbox-claiming")
ENDING: Final[RunVar[CapacityLimiter]] = RunVar("outboard-inbox-ending")


class OpenSession(Protocol):
    """A session: as a handler gets it, and as it is worked with here."""

    @property
    def given(self) -> object:
        """The `Session` or the `AsyncSession`."""
        ...

    @property
    def plain(self) -> Session:
        """The session itself, or the one in it, for what does no I/O."""
        ...

    def do(self, work: Callable[[Session], T], *, claims: bool = False) -> Coroutine[None, None, T]:
        """What `work` returns, which may do I/O; if it `claims`, it may wait for other transactions."""
        ...


class _Synchronous:
    """Its I/O is done in threads."""

    def __init__(self, session: Session) -> None:
        self.given = self.plain = session

    async def do(self, work: Callable[[Session], T], *, claims: bool = False) -> T:
        limiter = _limiter(CLAIMING if claims else ENDING)
        return await anyio.to_thread.run_sync(work, self.plain, limiter=limiter)


class _Asynchronous:
    def __init__(self, session: AsyncSession) -> None:
        self.given, self.plain = session, session.sync_session

    async def do(self, work: Callable[[Session], T], *, claims: bool = False) -> T:
        return await self.given.run_sync(work)


class Sessions:
    """Opens sessions of `source`. Raises TypeError for what is no engine and makes no sessions."""

    def __init__(self, source: SessionSource) -> None:
        self._make: Callable[[], Any]
        self._is_asynchronous = not isinstance(source, Engine | sessionmaker)
        if isinstance(source, Engine):
            self._make = sessionmaker(source, expire_on_commit=False)
        elif isinstance(source, sessionmaker):
            self._make = source
        else:
            self._make = _asynchronous(source)

    @asynccontextmanager
    async def open(self) -> AsyncIterator[OpenSession]:
        """A new session, closed at the end of the block: what is not committed then is rolled back."""
        session = self._make()
        opened: OpenSession = _Asynchronous(session) if self._is_asynchronous else _Synchronous(session)
        try:
            yield opened
        finally:
            # Cancelled halfway, the transaction would stay open for as long as the pool keeps its connection.
            await asyncio.shield(asyncio.ensure_future(opened.do(Session.close)))


def _limiter(variable: RunVar[CapacityLimiter]) -> CapacityLimiter:
    """One for each event loop."""
    try:
        return variable.get()
    except LookupError:
        made = CapacityLimiter(THREADS)
        variable.set(made)
        return made


def _asynchronous(source: object) -> Callable[[], Any]:
    try:
        from sqlalchemy.ext.asyncio import AsyncEngine, async_sessionmaker
    except ImportError:
        wrong("engine", "an Engine or a sessionmaker", source)
    if isinstance(source, AsyncEngine):
        return async_sessionmaker(source, expire_on_commit=False)
    if not isinstance(source, async_sessionmaker):
        wrong("engine", "an Engine, an AsyncEngine, or a sessionmaker of one", source)
    return source
