"""What the events of each topic are, as far as the app has declared it. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from outboard.wire.events import EventCodec

__all__ = ["TopicModels"]


class TopicModels:
    """The codec of each topic that was declared with a model; of several the first one."""

    def __init__(self) -> None:
        self._codecs: dict[tuple[str, str], EventCodec[Any]] = {}

    def declared(self, pubsub: str, topic: str, codec: EventCodec[Any]) -> EventCodec[Any]:
        """Take down that a topic has events of `codec`, and give it back."""
        if codec.model is not object:
            self._codecs.setdefault((pubsub, topic), codec)
        return codec

    @property
    def codecs(self) -> Mapping[tuple[str, str], EventCodec[Any]]:
        """All of them, by pub/sub component and topic."""
        return MappingProxyType(self._codecs)

    def codec(self, pubsub: str, topic: str) -> EventCodec[Any] | None:
        """That of a topic; None where nobody declared its model."""
        return self._codecs.get((pubsub, topic))
