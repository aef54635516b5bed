"""The one list of questions."""

from __future__ import annotations

from conformance.question import Group
from conformance.questions import (
    app_health,
    bare,
    callers,
    cel,
    configured,
    declarative,
    discovery,
    encryption,
    limits,
    metadata,
    outbox,
    over_grpc,
    over_h2c,
    policies,
)
from conformance.questions.main import MAIN

__all__ = ["GROUPS"]

GROUPS: tuple[Group, ...] = (
    MAIN,
    *metadata.GROUPS,
    *outbox.GROUPS,
    *encryption.GROUPS,
    *callers.GROUPS,
    *cel.GROUPS,
    *app_health.GROUPS,
    *declarative.GROUPS,
    *discovery.GROUPS,
    *bare.GROUPS,
    *limits.GROUPS,
    *policies.GROUPS,
    *configured.GROUPS,
    *over_grpc.GROUPS,
    *over_h2c.GROUPS,
)
