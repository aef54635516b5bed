"""Passes connections on, and, when it is told to, loses answers: what was asked is done, and nobody hears.

A TCP proxy of loopback, in a thread of its own.
"""

from __future__ import annotations

import asyncio
import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

__all__ = ["CuttingProxy", "proxying"]

CHUNK = 65_536
PAUSE, ATTEMPTS = 0.1, 600
RESET = struct.pack("ii", 1, 0)
"""Linger for no time: the connection is reset, so that who asked does not wait for an answer."""


class CuttingProxy:
    """Listens at `port`, for what listens at `target`.

    While nobody does, a connection is reset; or, for one that is `patient`, it waits, as it would for a
    server that has its port and has not begun yet: a sidecar asks its app once what it subscribes to, and
    takes a connection for its beginning.
    """

    def __init__(self, port: int, target: int, host: str = "127.0.0.1", *, patient: bool = False) -> None:
        """`target` is a port of `host`."""
        self.port = port
        self._target = host, target
        self._patient = patient
        self._to_lose = 0
        self.lost = 0
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    def cut(self, count: int = 1) -> None:
        """Lose the next `count` answers, whenever they come. To be called in its event loop."""
        self._to_lose += count

    def heal(self) -> int:
        """Lose no more; how many answers were still to be lost. To be called in its event loop."""
        left, self._to_lose = self._to_lose, 0
        return left

    async def start(self) -> None:
        """Listen."""
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", self.port)

    async def stop(self) -> None:
        """Listen no more, and reset what is open."""
        assert self._server is not None
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await asyncio.sleep(0)  # the transports have been closed, and end in the next turn

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.ensure_future(self._serve(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            answers, asking = await self._reached()
        except OSError:
            _reset(writer)
            return
        ways = [
            asyncio.ensure_future(self._pass_on(reader, asking)),
            asyncio.ensure_future(self._answer(answers, writer)),
        ]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            _reset(writer)
            asking.close()

    async def _reached(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        attempts = ATTEMPTS if self._patient else 1
        while True:
            try:
                return await asyncio.open_connection(*self._target)
            except OSError:
                attempts -= 1
                if not attempts:
                    raise
                await asyncio.sleep(PAUSE)

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while chunk := await reader.read(CHUNK):
                writer.write(chunk)
                await writer.drain()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while chunk := await reader.read(CHUNK):
                if self._to_lose:
                    self._to_lose -= 1
                    self.lost += 1
                    return
                writer.write(chunk)
                await writer.drain()


def _reset(writer: asyncio.StreamWriter) -> None:
    connection: socket.socket | None = writer.get_extra_info("socket")
    if connection is not None:
        with suppress(OSError):
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
    writer.close()


@contextmanager
def proxying(*proxies: CuttingProxy) -> Iterator[asyncio.AbstractEventLoop]:
    """Run `proxies` until the end of the block; gives their event loop."""
    with asyncio.Runner() as runner:
        loop, ended = runner.get_loop(), asyncio.Event()
        for proxy in proxies:
            runner.run(proxy.start())
        thread = threading.Thread(target=loop.run_until_complete, args=(ended.wait(),), daemon=True)
        thread.start()
        try:
            yield loop
        finally:
            loop.call_soon_threadsafe(ended.set)
            thread.join()
            for proxy in proxies:
                runner.run(proxy.stop())
