"""The way to the API from this machine, past the border of the namespaces.

    python3 -m engines.cluster.way_in LISTENER

LISTENER is the descriptor of a socket that listens on this machine's loopback. A socket belongs to the
network in which it was made, whoever holds it; what is connected here leads to the cluster's own network.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import sys

from engines.cluster.layout import API_PORT

CHUNK = 65536


async def pass_on(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    """Hand on what comes until it ends, and then the end."""
    with contextlib.suppress(ConnectionError):  # either side may leave at any time, which ends the connection
        while chunk := await source.read(CHUNK):
            target.write(chunk)
            await target.drain()
        if target.can_write_eof():
            target.write_eof()


async def connect(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """One connection from this machine."""
    try:
        there, to_there = await asyncio.open_connection("127.0.0.1", API_PORT)
    except ConnectionRefusedError:  # the API server is not up yet
        writer.close()
        return
    await asyncio.gather(pass_on(reader, to_there), pass_on(there, writer))
    for each in (writer, to_there):
        each.close()


async def main(descriptor: int) -> None:
    """Take connections for ever."""
    server = await asyncio.start_server(connect, sock=socket.socket(fileno=descriptor))
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1])))
