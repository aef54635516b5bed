"""For synchronous code: calls from other threads onto an event loop, and a loop for who has none.

The asynchronous core stays the only one. A call runs on the loop as a task of its own, in a copy of its
caller's context, and the caller waits.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
from collections.abc import Callable, Coroutine
from contextlib import AbstractAsyncContextManager, AbstractContextManager, ExitStack, suppress
from types import TracebackType
from typing import Any, Final, Generic, TypeVar

from anyio.from_thread import BlockingPortal, start_blocking_portal

from outboard.errors import EventLoopBlocked, NotConnected, SidecarUnavailable

__all__ = ["LoopOrThread", "ThreadCalls", "running_loop"]

R = TypeVar("R")
Given = TypeVar("Given")
InThread = TypeVar("InThread")

CLOSED: Final = "the board was disconnected before there was an answer"


class ThreadCalls:
    """Calls from other threads onto `loop`, while it is open. `address`, for messages, is the sidecar's.

    `monotonic` tells the time in seconds.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, address: str, monotonic: Callable[[], float]) -> None:
        self._loop = loop
        self._address = address
        self._monotonic = monotonic
        self._waiting: set[concurrent.futures.Future[Any]] = set()
        self._closed = False

    def run(self, operation: str, function: Callable[[], Coroutine[object, None, R]]) -> R:
        """Let `function` run on the loop, and return or raise what it does.

        Whoever is interrupted (Ctrl-C) cancels it. Raises EventLoopBlocked on the loop's own thread,
        NotConnected after the loop has ended, and SidecarUnavailable where it ends meanwhile.
        """
        if running_loop() is self._loop:
            raise EventLoopBlocked(operation)
        started = self._monotonic()
        future = self._started(operation, function())
        self._waiting.add(future)
        try:
            if self._closed:  # and may not have seen it
                future.cancel()
            return future.result()
        except concurrent.futures.CancelledError:
            waited = self._monotonic() - started
            raise SidecarUnavailable(self._address, operation, waited, CLOSED) from None
        except BaseException:
            future.cancel()  # without effect where it has ended
            raise
        finally:
            self._waiting.discard(future)

    async def close(self, seconds: float) -> None:
        """Let what waits end, for at most `seconds`; cancel the rest. On the loop."""
        self._closed = True
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                waiting = map(asyncio.wrap_future, tuple(self._waiting))
                await asyncio.gather(*waiting, return_exceptions=True)
        for future in tuple(self._waiting):
            future.cancel()

    def _started(self, operation: str, coroutine: Coroutine[object, None, R]) -> concurrent.futures.Future[R]:
        try:
            return asyncio.run_coroutine_threadsafe(coroutine, self._loop)
        except RuntimeError:  # the loop is closed
            coroutine.close()
            raise NotConnected(operation) from None


def running_loop() -> asyncio.AbstractEventLoop | None:
    """The event loop of this thread, if one runs."""
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None


class LoopOrThread(Generic[Given, InThread]):
    """A scope that `async with` enters on the running loop, and `with` on a loop in a thread of its own.

    `with` gives what `in_thread` makes of what `async with` gives, and of the way to that loop.
    """

    def __init__(
        self,
        scope: AbstractAsyncContextManager[Given],
        in_thread: Callable[[Given, BlockingPortal], AbstractContextManager[InThread]],
    ) -> None:
        self._scope = scope
        self._in_thread = in_thread
        self._thread = ExitStack()

    async def __aenter__(self) -> Given:
        return await self._scope.__aenter__()

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> bool | None:
        return await self._scope.__aexit__(kind, error, traceback)

    def __enter__(self) -> InThread:
        with ExitStack() as stack:
            portal = stack.enter_context(start_blocking_portal("asyncio"))
            given = stack.enter_context(portal.wrap_async_context_manager(self._scope))
            made = stack.enter_context(self._in_thread(given, portal))
            self._thread = stack.pop_all()
        return made

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> bool | None:
        return self._thread.__exit__(kind, error, traceback)
