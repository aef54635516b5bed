"""How an attempt can fail, as far as policies care. Pure."""

from __future__ import annotations

__all__ = ["CircuitOpen", "Failure", "TimedOut"]


class Failure(Exception):
    """An attempt that did not succeed.

    `code` is the HTTP (100 to 599) or gRPC (0 to 16) status it was answered with, None where there was no
    such answer. What is `permanent` is not tried again.
    """

    code: int | None = None
    permanent: bool = False


class TimedOut(Failure):
    """The attempt took longer than its policy allows."""

    def __init__(self) -> None:
        super().__init__("context deadline exceeded")


class CircuitOpen(Failure):
    """The attempt was not made: the circuit breaker is open, or half-open with enough attempts under way."""

    permanent = True
