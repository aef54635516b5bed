"""A call that another sidecar passes on: whether it may be made here, and the app that answers it."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from outboard.sidecar.invocation.app import AppCaller
from outboard.sidecar.invocation.headers import first, is_event_stream
from outboard.sidecar.invocation.paths import normalised
from outboard.sidecar.invocation.values import AppCall, InvocationAnswer, InvocationFailed
from outboard.sidecar.metrics.call_meters import CallMeters
from outboard.wire import dapr

__all__ = ["Callee"]

OK: Final = range(200, 300)
INTERNAL: Final = 13
NO_APP: Final = "app channel is not initialized"
NO_STREAM: Final = "no response received from stream"
NO_VERB: Final = "NONE"


class Callee:
    """This side of a call, which `refuses` each or none. Without an `app` each call fails.

    One that `speaks_http` is asked by the verb, as far as a refusal tells.
    """

    def __init__(self, *, refuses: bool, speaks_http: bool = True, meters: CallMeters | None = None) -> None:
        self.app: AppCaller | None = None
        self._refuses = refuses
        self._speaks_http = speaks_http
        self._meters = meters

    async def answer(self, call: AppCall) -> InvocationAnswer:
        """Raises InvocationFailed, with the status of gRPC that the caller gets."""
        if self.app is None:
            raise InvocationFailed(NO_APP, "Internal")
        method = normalised(call.method)
        if self._refuses:
            verb = call.verb if self._speaks_http else NO_VERB
            raise InvocationFailed(refusal(method, verb), "PermissionDenied")
        caller, meters = first(call.headers, dapr.CALLER_HEADER), self._meters
        if meters is not None:
            meters.received(caller)
        try:
            answer = await self.app.invoke(replace(call, method=method))
        except InvocationFailed as failure:
            if meters is not None:
                meters.replied(caller, INTERNAL)
            raise _not_answered(str(failure)) from failure
        if meters is not None:
            meters.replied(caller, answer.told_status)
        if answer.grpc is None and is_event_stream(call.headers) and answer.status not in OK:
            await answer.body.aclose()
            raise _not_answered(NO_STREAM)  # as daprd, which keeps to itself what the app answered
        return answer


def refusal(method: str, verb: str = NO_VERB) -> str:
    """What is answered where access is denied. The id is that of a certificate, and empty without mTLS."""
    return f"access control policy has denied access to id:  operation: {method} verb: {verb}"


def _not_answered(reason: str) -> InvocationFailed:
    return InvocationFailed(f"error invoking app channel: {reason}", "Internal")
