"""The subscriptions that files declare, for one app."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from outboard.errors import ResourceError
from outboard.resources.left_out import out_of_scope
from outboard.resources.node import near
from outboard.resources.subscription import DeclaredSubscription
from outboard.sidecar.logs import SidecarLog
from outboard.sidecar.subscriptions.active import ActiveSubscription, activate
from outboard.sidecar.subscriptions.routes import RuleInvalid

__all__ = ["activate_declared", "tell_found", "tell_subscriptions_of_others"]


def activate_declared(declared: Sequence[DeclaredSubscription]) -> list[ActiveSubscription]:
    """The subscriptions in files. Raises ResourceError for a rule that is not CEL."""
    active = []
    for each in declared:
        try:
            active.append(activate(each.subscription, "DECLARATIVE"))
        except RuleInvalid as error:
            advice = "Correct the expression"
            raise ResourceError(str(each.path), each.line, str(error), advice) from error
    return active


def tell_found(declared: Sequence[DeclaredSubscription], log: SidecarLog) -> None:
    """The log tells of them."""
    for each in declared:
        log.info("Found Subscription: %s", each.name)


def tell_subscriptions_of_others(
    others: Sequence[DeclaredSubscription], app_id: str, log: SidecarLog
) -> None:
    """That one of another app is in the same folder is usual; that its scopes nearly name this one is not."""
    for each in others:
        level = logging.WARNING if near(app_id, each.scopes, 0.8) else logging.INFO
        text = "subscription '%s' to topic '%s' (%s:%d) is left out of %s: %s"
        topic, reason = each.subscription.topic, out_of_scope(each.scopes, app_id)
        log.log(level, text, each.name, topic, each.path, each.line, app_id, reason)
