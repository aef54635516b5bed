"""One call of Dapr's service that takes one message and answers with one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar

import grpc.aio
from google.protobuf.message import Message

from outboard.kit.client.grpc.failures import failure_of
from outboard.kit.client.in_tests import in_test
from outboard.kit.client.settings import Settings
from outboard.wire.dapr import API_TOKEN_HEADER
from outboard.wire.http import NO_HEADERS, ExchangeFailed

__all__ = ["SERVICE", "Calls", "token_metadata"]

SERVICE: Final = "/dapr.proto.runtime.v1.Dapr"

M = TypeVar("M", bound=Message)
MetadataPairs = tuple[tuple[str, str], ...]


def token_metadata(settings: Settings) -> MetadataPairs:
    """Dapr's API token, where there is one."""
    return ((API_TOKEN_HEADER, settings.api_token),) if settings.api_token else ()


@dataclass(frozen=True, slots=True)
class Calls:
    """The calls over one channel."""

    channel: grpc.aio.Channel
    settings: Settings
    _by_name: dict[str, Any] = field(default_factory=dict)

    async def __call__(
        self,
        name: str,
        request: Message,
        answer: type[M],
        timeout: float,
        headers: Mapping[str, str] = NO_HEADERS,
    ) -> M:
        """The answer to `request`, within `timeout` seconds.

        Raises ExchangeFailed where there was none, and CallFailed for one that is no success.
        """
        call = self._by_name.get(name)
        if call is None:
            call = self._by_name[name] = self.channel.unary_unary(
                f"{SERVICE}/{name}", type(request).SerializeToString, answer.FromString
            )
        metadata = (*token_metadata(self.settings), *headers.items())
        try:
            answered: M = await call(request, timeout=timeout, metadata=metadata)
        except grpc.aio.AioRpcError as error:
            failure = failure_of(error)
            if isinstance(failure, ExchangeFailed) and (said := in_test(failure, name, self.settings)):
                raise said from error
            raise failure from error
        return answered
