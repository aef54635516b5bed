"""The methods of secrets.

Source: Dapr, "Secrets API reference".
"""

from __future__ import annotations

from collections.abc import Mapping

from dapr.proto.runtime.v1 import secret_pb2
from google.protobuf.message import Message

from outboard.sidecar.api.grpc.call import Call, Method, method
from outboard.sidecar.secrets.service import SecretService

__all__ = ["secret_methods"]


def secret_methods(service: SecretService) -> Mapping[str, Method]:
    """By name."""
    calls = _Secrets(service)
    return {
        "GetSecret": method(secret_pb2.GetSecretRequest, calls.get),
        "GetBulkSecret": method(secret_pb2.GetBulkSecretRequest, calls.get_all),
    }


class _Secrets:
    def __init__(self, service: SecretService) -> None:
        self._service = service

    async def get(self, request: secret_pb2.GetSecretRequest, call: Call) -> Message:
        return secret_pb2.GetSecretResponse(data=await self._service.get(request.store_name, request.key))

    async def get_all(self, request: secret_pb2.GetBulkSecretRequest, call: Call) -> Message:
        found = await self._service.get_all(request.store_name)
        secrets = {key: secret_pb2.SecretResponse(secrets=value) for key, value in found.items()}
        return secret_pb2.GetBulkSecretResponse(data=secrets)
