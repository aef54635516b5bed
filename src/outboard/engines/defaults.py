"""Where clients expect the engines, and where Kafka comes from, unless a person says otherwise."""

from __future__ import annotations

from typing import Final

__all__ = ["KAFKA_PORT", "MAVEN_CENTRAL", "REDIS_PORT"]

KAFKA_PORT: Final = 9092
REDIS_PORT: Final = 6379
MAVEN_CENTRAL: Final = "https://repo1.maven.org/maven2"
