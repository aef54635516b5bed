"""The app that is called: it answers with the body. `callee.py http PORT`, or `grpc PORT`."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator

BODY = b"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: "


class Echo(asyncio.Protocol):
    """No framework: what is measured are the sidecars. It reads bodies with a length alone, or in chunks."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport, self.data = transport, b""

    def data_received(self, data: bytes) -> None:
        self.data += data
        while (found := self._request()) is not None:
            body, self.data = found
            self.transport.write(BODY + str(len(body)).encode() + b"\r\n\r\n" + body)  # type: ignore[attr-defined]

    def _request(self) -> tuple[bytes, bytes] | None:
        head, end, rest = self.data.partition(b"\r\n\r\n")
        if not end:
            return None
        head = head.lower()
        if b"transfer-encoding: chunked" in head:
            return self._chunked(rest)
        length = int(head.partition(b"content-length:")[2].partition(b"\r\n")[0] or 0)
        return (rest[:length], rest[length:]) if len(rest) >= length else None

    def _chunked(self, rest: bytes) -> tuple[bytes, bytes] | None:
        body = b""
        while True:
            size, end, rest = rest.partition(b"\r\n")
            if not end:
                return None
            length = int(size, 16)
            if len(rest) < length + 2:
                return None
            body, rest = body + rest[:length], rest[length + 2 :]
            if not length:
                return body, rest


async def over_http(port: int) -> None:
    server = await asyncio.get_running_loop().create_server(Echo, "127.0.0.1", port)
    await server.serve_forever()


async def over_grpc(port: int) -> None:
    import grpc.aio

    class Service(grpc.GenericRpcHandler):
        def service(
            self, handler_call_details: grpc.HandlerCallDetails
        ) -> grpc.RpcMethodHandler[bytes, bytes] | None:
            if handler_call_details.method.startswith("/dapr."):
                return None

            async def handle(requests: AsyncIterator[bytes], context: object) -> AsyncIterator[bytes]:
                async for message in requests:
                    yield message

            return grpc.stream_stream_rpc_method_handler(handle)

    server = grpc.aio.server(handlers=[Service()])
    server.add_insecure_port(f"127.0.0.1:{port}")
    await server.start()
    await server.wait_for_termination()


if __name__ == "__main__":
    served = {"http": over_http, "grpc": over_grpc}[sys.argv[1]]
    asyncio.run(served(int(sys.argv[2])))
