"""What other sidecars call: daprd's internal service, as far as it is about calls of the app.

Source: daprd 1.18, `dapr.proto.internals.v1.ServiceInvocation`.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from functools import partial
from typing import Final

import grpc

from outboard.sidecar.api.grpc.call import APP_ID, NO_METHOD, NO_PROXY, Call
from outboard.sidecar.api.grpc.proxied import proxied
from outboard.sidecar.channel.grpc.metadata import trace_of
from outboard.sidecar.invocation.callee import Callee
from outboard.sidecar.invocation.grpc.proxy import GrpcProxy
from outboard.sidecar.invocation.grpc.relay import ProxiedCall
from outboard.sidecar.invocation.headers import first, is_event_stream
from outboard.sidecar.invocation.peers.caller import packets
from outboard.sidecar.invocation.peers.messages import (
    CALL_LOCAL,
    CALL_LOCAL_STREAM,
    CallHead,
    Packet,
    ReplyHead,
    Unreadable,
    read_request,
    read_unary_request,
    write_reply,
    write_unary_reply,
)
from outboard.sidecar.invocation.peers.status import by_go_name
from outboard.sidecar.invocation.values import AppCall, CallBody, InvocationAnswer, InvocationFailed
from outboard.sidecar.logs import SidecarLog

__all__ = ["InternalApi"]

Context = grpc.aio.ServicerContext[bytes, bytes]

LEAST: Final = 64 * 1024
OWN: Final = "/dapr.proto.internals."
TRACEPARENT: Final = "traceparent"
UNPARSED: Final = "parsing InternalInvokeRequest error: "


class InternalApi(grpc.GenericRpcHandler):
    """Passes calls on to the app of this sidecar, as far as `callee` and `proxy` let them."""

    def __init__(self, callee: Callee, proxy: GrpcProxy, max_body_bytes: int, log: SidecarLog) -> None:
        self.max_message_bytes = max(max_body_bytes, LEAST)
        """Of calls that are passed on as they are; bodies of others come in parts."""
        self._callee = callee
        self._proxy = proxy
        self._log = log

    def service(
        self, handler_call_details: grpc.HandlerCallDetails
    ) -> grpc.RpcMethodHandler[bytes, bytes] | None:
        answers = {CALL_LOCAL: self._unary, CALL_LOCAL_STREAM: self._stream}.get(handler_call_details.method)
        if answers is None:
            return grpc.stream_stream_rpc_method_handler(partial(self._proxied, handler_call_details.method))

        async def handle(requests: AsyncIterator[bytes], context: Context) -> AsyncIterator[bytes]:
            try:
                async with aclosing(answers(requests)) as messages:
                    async for message in messages:
                        yield message
            except InvocationFailed as failure:
                self._log.debug("%s", failure)
                await context.abort(by_go_name(failure.grpc), failure.reason)

        return grpc.stream_stream_rpc_method_handler(handle)

    async def _proxied(self, path: str, requests: AsyncIterator[bytes], context: Context) -> None:
        metadata = tuple(context.invocation_metadata() or ())
        if not any(name in APP_ID for name, _ in metadata):
            await context.abort(grpc.StatusCode.UNKNOWN, NO_METHOD if path.startswith(OWN) else NO_PROXY)
        passed = ProxiedCall(path, metadata, requests, context)
        ended = await proxied(self._proxy, passed, Call(sent=metadata))
        context.set_trailing_metadata(ended.trailers)
        if ended.code is not grpc.StatusCode.OK:
            await context.abort(ended.code, ended.message)

    async def _stream(self, requests: AsyncIterator[bytes]) -> AsyncGenerator[bytes, None]:
        """Raises InvocationFailed."""
        head, packet = _read(await anext(requests, b""))
        length = first(head.headers, "content-length")
        body, streaming = _body(packet, requests, int(length) if length.isdecimal() else None), not length
        if streaming:  # or there is none
            beginning = await anext(body, None)
            body, streaming = _joined(beginning, body), beginning is not None
        answer = await self._callee.answer(_call(head, CallBody(body), streaming=streaming))
        try:
            parts = packets(_nothing() if answer.grpc is not None and answer.grpc.number else answer.body)
            # Not before there is something to tell with it, as daprd; but for who waits for the beginning.
            opening = None if is_event_stream(head.headers) else await anext(parts, None)
            yield write_reply(_head(answer), opening)
            async for part in parts:
                yield write_reply(None, part)
        finally:
            await answer.body.aclose()

    async def _unary(self, requests: AsyncIterator[bytes]) -> AsyncGenerator[bytes, None]:
        """Raises InvocationFailed."""
        try:
            head, body = read_unary_request(await anext(requests, b""))
        except Unreadable as error:
            raise _unparsed(str(error)) from error
        answer = await self._callee.answer(_call(head, CallBody(_once(body)), streaming=False))
        whole = await answer.whole()
        data = b"" if whole.grpc is not None and whole.grpc.number else whole.data
        yield write_unary_reply(_head(answer), data or b"")


def _read(message: bytes) -> tuple[CallHead, Packet | None]:
    """Raises InvocationFailed."""
    try:
        head, packet = read_request(message)
    except Unreadable as error:
        raise _unparsed(str(error)) from error
    if head is None:
        raise _unparsed("request does not contain the required fields in the leading chunk")
    return head, packet


def _unparsed(problem: str) -> InvocationFailed:
    return InvocationFailed(f"{UNPARSED}{problem}", "InvalidArgument")


def _call(head: CallHead, body: CallBody, *, streaming: bool) -> AppCall:
    """A body whose length the caller has told goes to the app with that length, any other in chunks."""
    headers = [item for item in head.headers if item[0] != "content-type"]
    if head.over_grpc and (traceparent := _told_in_binary(head)):
        headers = [item for item in headers if item[0] != TRACEPARENT]
        headers.append((TRACEPARENT, traceparent))
    if head.content_type:
        headers.append(("content-type", head.content_type))
    return AppCall(
        head.method,
        head.verb,
        head.query,
        headers,
        body,
        streaming=streaming,
        over_grpc=head.over_grpc,
        type_url=head.type_url,
    )


def _told_in_binary(head: CallHead) -> str:
    """The trace of a call over gRPC, as a daprd passes it on; empty where there is none."""
    try:
        return trace_of(base64.b64decode(first(head.headers, "grpc-trace-bin"), validate=True))
    except binascii.Error:
        return ""


async def _body(
    packet: Packet | None, requests: AsyncIterator[bytes], length: int | None
) -> AsyncIterator[bytes]:
    """As many bytes as `length` says, if it does. Raises InvocationFailed where a part is missing."""
    expected = received = 0
    while True:
        if packet is not None:
            if packet.seq != expected:
                raise InvocationFailed(
                    f"invalid sequence number received: {packet.seq} (expected: {expected})"
                )
            expected += 1
            received += len(packet.data)
            if packet.data:
                yield packet.data
        if length is not None and received >= length:
            return
        message = await anext(requests, None)
        if message is None:
            return
        head, packet = read_request(message)
        if head is not None:
            raise InvocationFailed("request metadata found in non-leading chunk")


async def _joined(beginning: bytes | None, rest: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    if beginning is not None:
        yield beginning
    async for chunk in rest:
        yield chunk


async def _nothing() -> AsyncIterator[bytes]:
    """An error of an app over gRPC has no body: what there is of it is for callers over HTTP."""
    return
    yield b""


async def _once(data: bytes) -> AsyncIterator[bytes]:
    if data:
        yield data


def _head(answer: InvocationAnswer) -> ReplyHead:
    content_type, told = first(answer.headers, "content-type"), answer.grpc
    if told is None:
        return ReplyHead(answer.status, answer.headers, content_type)
    headers = [item for item in answer.headers if item[0] != "content-type"]
    return ReplyHead(
        told.number, headers, told.content_type, told.message, told.type_url, told.details, told.trailers
    )
