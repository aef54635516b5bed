"""An error of gRPC that a component answers, as the error that the sidecar knows.

Source: daprd 1.18 for what it reads in the details of a status.
"""

from __future__ import annotations

import grpc.aio

from outboard.sidecar.components.port import ComponentError
from outboard.sidecar.grpc_codes import go_error

__all__ = ["failure_of"]


def failure_of(error: grpc.aio.AioRpcError) -> ComponentError:
    """The text is Go's, since it stands in daprd's messages."""
    number: int = error.code().value[0]
    failure = ComponentError(go_error(number, error.details() or ""))
    failure.code = number
    return failure
