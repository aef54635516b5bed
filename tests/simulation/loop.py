"""An event loop whose time and order a seed decides: no sockets, no machine's clock, no thread of its own.

What runs in it belongs to a `Process`, known by a context variable. Within a process callbacks run in the
order in which they were made ready, which is what asyncio promises; which of the processes goes on is drawn.
A process can be killed, at any await: it then does nothing more, not even a `finally`. It can be stopped, as
as by SIGSTOP, and go on later.

What runs in a thread runs in a greenlet of a task: wherever it asks a database, or waits, others go on. So it
dies and stops with its process. As a thread it is not cancelled with whoever waits for it.
"""

from __future__ import annotations

import asyncio
import contextvars
import heapq
import inspect
import sys
from asyncio import events
from collections import deque
from collections.abc import Callable, Coroutine
from itertools import count
from random import Random
from typing import Any, Final, TypeVar

from sqlalchemy.util import greenlet_spawn

__all__ = ["OUTSIDE", "PROCESS", "Process", "SimulatedLoop", "Stuck"]

T = TypeVar("T")

STEP_SECONDS: Final = 1e-6
"""A step takes time: no clock stands still for whoever looks at it again and again."""
MOST_AT_ONCE: Final = 20_000
"""Steps of processes while nobody waits for a time."""
MOST_ENDINGS: Final = 50
MANY_TASKS: Final = 64


class Stuck(Exception):
    """Nothing is left to be done, or there is no end of it, and what is waited for has not come."""


class Process:
    """What is killed and stopped as one. `offset` is how far its wall clock is off, in seconds.

    `number` is its own on the `machine` of that name; without a name nobody can look at it.

    One that is `immune` simulates, and is never at fault.
    """

    def __init__(self, name: str, offset: float = 0.0, *, immune: bool = False) -> None:
        self.name = name
        self.offset = offset
        self.immune = immune
        self.alive = True
        self.stopped = False
        self.machine = ""
        self.number = 0
        self.ready: deque[events.Handle] = deque()
        self.on_death: list[Callable[[], None]] = []

    def __repr__(self) -> str:
        return self.name


OUTSIDE: Final = Process("world", immune=True)
PROCESS: Final[contextvars.ContextVar[Process]] = contextvars.ContextVar("PROCESS", default=OUTSIDE)


class _Task(asyncio.Task[Any]):
    """Sets of tasks are in the order in which they began, not in that of their addresses."""

    def __init__(self, number: int, work: Any, **options: Any) -> None:
        self.number = number  # before asyncio hashes it, to add it to the set of all tasks
        super().__init__(work, **options)

    def __hash__(self) -> int:
        return self.number


class SimulatedLoop(asyncio.BaseEventLoop):
    """`before_step` is called before a process goes on, and may do harm to it."""

    def __init__(self, random: Random) -> None:
        self._runs = False
        super().__init__()
        self._random = random
        self._now = 0.0
        self._timers: list[tuple[float, int, events.TimerHandle, contextvars.Context]] = []
        self._order = count()
        self.outside = Process("world", immune=True)
        self._processes: list[Process] = [self.outside]
        self._dead: list[Process] = []
        self.before_step: Callable[[Process], None] = lambda _: None
        self.ends: Callable[[], None] = lambda: None
        """Called when nothing more is to happen."""
        self.errors: list[str] = []
        self._tasks: list[_Task] = []
        self._forgets_at = MANY_TASKS
        self.steps = self._since = 0
        self.set_task_factory(self._task)
        self.set_exception_handler(self._failed)

    def time(self) -> float:
        return self._now

    def is_running(self) -> bool:
        return self._runs

    def add(self, process: Process) -> None:
        """Let `process` have its turns."""
        self._processes.append(process)

    def kill(self, process: Process) -> None:
        """From now on `process` does nothing."""
        process.alive = False
        self._processes.remove(process)
        self._dead.append(process)
        for told in process.on_death:
            told()

    def begin(self, process: Process, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        """Begin `work` as a task of `process`."""
        context = contextvars.copy_context()
        context.run(PROCESS.set, process)
        return self.create_task(work, context=context)

    def call_soon(  # type: ignore[override]
        self, callback: Callable[..., object], *args: Any, context: contextvars.Context | None = None
    ) -> events.Handle:
        if context is None:
            context = contextvars.copy_context()
        handle = events.Handle(callback, args, self, context)
        self._make_ready(handle, context)
        return handle

    call_soon_threadsafe = call_soon  # type: ignore[assignment]

    def call_at(  # type: ignore[override]
        self,
        when: float,
        callback: Callable[..., object],
        *args: Any,
        context: contextvars.Context | None = None,
    ) -> events.TimerHandle:
        if context is None:
            context = contextvars.copy_context()
        timer = events.TimerHandle(when, callback, args, self, context)
        heapq.heappush(self._timers, (when, next(self._order), timer, context))
        return timer

    def call_later(  # type: ignore[override]
        self,
        delay: float,
        callback: Callable[..., object],
        *args: Any,
        context: contextvars.Context | None = None,
    ) -> events.TimerHandle:
        return self.call_at(self._now + delay, callback, *args, context=context)

    def _timer_handle_cancelled(self, handle: events.TimerHandle) -> None:
        """It is passed over when its time comes."""

    def run_in_executor(self, executor: object, func: Callable[..., T], *args: object) -> asyncio.Future[T]:
        waiting: asyncio.Future[T] = self.create_future()
        thread: asyncio.Task[T] = self.create_task(greenlet_spawn(func, *args))

        def ended(_: object) -> None:
            error = None if thread.cancelled() else thread.exception()
            if waiting.done():
                return  # nobody waits for it any more
            if thread.cancelled():
                waiting.cancel()
            elif error is not None:
                waiting.set_exception(error)
            else:
                waiting.set_result(thread.result())

        thread.add_done_callback(ended)
        return waiting

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """What `work` returns; then all that is left is ended, where it stands. Raises Stuck."""
        hooks = sys.get_asyncgen_hooks()
        events._set_running_loop(self)
        self._runs = True
        sys.set_asyncgen_hooks(lambda _: None, lambda _: None)
        try:
            task = self.create_task(work)
            while not task.done():
                self._step()
            return task.result()
        finally:
            self.ends()
            try:
                self._end()
            finally:
                self._runs = False
                events._set_running_loop(None)
                sys.set_asyncgen_hooks(*hooks)
                self.close()

    def _step(self) -> None:
        runnable = [process for process in self._processes if process.ready and not process.stopped]
        if not runnable:
            self._advance()
            return
        process = runnable[0] if len(runnable) == 1 else self._random.choice(runnable)
        if process is not self.outside:
            self.steps += 1
            self._now += STEP_SECONDS
            self._since += 1
            if self._since > MOST_AT_ONCE:
                raise Stuck(f"{process.name} goes on without end at {self._now:.3f} s")
            self.before_step(process)
            if not process.alive or process.stopped:
                return
        handle = process.ready.popleft()
        if not handle.cancelled():
            handle._run()

    def _advance(self) -> None:
        if not self._timers:
            raise Stuck(f"nothing is left to be done at {self._now:.3f} s")
        self._now = max(self._now, self._timers[0][0])
        self._since = 0
        while self._timers and self._timers[0][0] <= self._now:
            _, _, timer, context = heapq.heappop(self._timers)
            if not timer.cancelled():
                self._make_ready(timer, context)

    def _make_ready(self, handle: events.Handle, context: contextvars.Context) -> None:
        process = context.get(PROCESS) or OUTSIDE
        (self.outside if process is OUTSIDE else process).ready.append(handle)

    def _task(self, loop: asyncio.AbstractEventLoop, work: Any, **options: Any) -> _Task:
        task = _Task(next(self._order), work, loop=loop, **options)
        self._tasks.append(task)
        if len(self._tasks) >= self._forgets_at:
            self._tasks = [each for each in self._tasks if not each.done()]
            self._forgets_at = 2 * len(self._tasks) + MANY_TASKS
        return task

    def _failed(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        error = context.get("exception")
        self.errors.append(f"{context.get('message')}: {type(error).__name__}: {error}")

    def _end(self) -> None:
        """End what stands somewhere, the dead too, so that nothing of it is left to the garbage collector."""
        self.before_step = lambda _: None
        self._processes += self._dead
        for process in self._processes:
            process.alive, process.stopped = True, False
        left = self._tasks
        for number in range(MOST_ENDINGS):
            left = [task for task in self._tasks if not task.done()]
            if not left:
                return
            for task in left:
                if number or not _is_closing(task):
                    task.cancel()
            self._since = 0
            self._run_dry()
        self.errors.append(f"{len(left)} tasks do not end: {left[0].get_coro()}")

    def _run_dry(self) -> None:
        while any(process.ready for process in self._processes):
            self._step()


def _is_closing(task: asyncio.Task[Any]) -> bool:
    """SQLAlchemy closes connections in tasks of their own. One that is cancelled before its first step closes
    nothing, and leaves its connection to the garbage collector.
    """
    work = task.get_coro()
    if not inspect.iscoroutine(work) or inspect.getcoroutinestate(work) != inspect.CORO_CREATED:
        return False
    return work.cr_code.co_name == "close"
