"""The client library's errors, translated into ours."""

from __future__ import annotations

import os
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from redis import exceptions

from outboard.sidecar.components.port import ComponentError
from outboard.sidecar.components.redis.client.port import RedisAway, RedisRefused

__all__ = ["refusal", "translated"]

UNAVAILABLE: Final = (
    exceptions.ClusterDownError,
    exceptions.MasterDownError,
    exceptions.ReadOnlyError,
    exceptions.SlotNotCoveredError,
    exceptions.TryAgainError,
)
STRIPPED: Final[dict[type[Exception], str]] = {exceptions.OutOfMemoryError: "OOM"}
"""Of some codes the library keeps the type only."""


@contextmanager
def translated(address: object) -> Iterator[None]:
    """Raises RedisAway, RedisRefused. `address` is for the message."""
    try:
        yield
    except exceptions.AuthenticationError as error:
        raise RedisRefused(f"Redis at {address} did not let us in: {error}") from error
    except (exceptions.ConnectionError, exceptions.TimeoutError, OSError, *UNAVAILABLE) as error:
        raise RedisAway(f"no answer from Redis at {address}: {_reason(error)}") from error
    except exceptions.RedisError as error:
        raise refusal(error) from error
    except exceptions.RedisClusterException as error:
        raise RedisAway(f"the cluster at {address} cannot be used: {error}") from error


def refusal(error: exceptions.RedisError) -> ComponentError:
    """The error that the server answered, with the code in front that the library takes away."""
    if isinstance(error, UNAVAILABLE):
        return RedisAway(f"Redis does not take commands: {error}")
    text = str(error)
    code = text.partition(" ")[0]
    if code.isupper() and code.isalpha():
        return RedisRefused(text)
    return RedisRefused(f"{STRIPPED.get(type(error), 'ERR')} {text}")


def _reason(error: BaseException) -> str:
    """The operating system's words where there are any, else the library's."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLError):
            return str(cause)
        if isinstance(cause, OSError) and cause.errno:
            return (os.strerror(cause.errno) if 0 < cause.errno < 1_000 else str(cause)).lower()
        cause = cause.__cause__ or cause.__context__
    return str(error) or "timed out"
