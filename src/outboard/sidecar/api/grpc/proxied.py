"""A call of a service that is not Dapr's, as both APIs of gRPC take it: the app's, and other sidecars'."""

from __future__ import annotations

from outboard.sidecar.api.grpc.call import Call, StatusRaised
from outboard.sidecar.invocation.grpc.proxy import GrpcProxy
from outboard.sidecar.invocation.grpc.relay import Ended, ProxiedCall

__all__ = ["proxied"]


async def proxied(proxy: GrpcProxy, passed: ProxiedCall, call: Call) -> Ended:
    """How it ended. The baggage that `call` carries goes back to the caller, too."""
    try:
        call.tell_baggage()
    except StatusRaised as raised:
        return Ended(raised.status.code, raised.status.message)
    passed.told.extend(call.told)
    return await proxy.pass_on(passed)
