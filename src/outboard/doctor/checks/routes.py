"""The routes: are they there, and what do they answer? Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final

from outboard.doctor import commands
from outboard.doctor.evidence import AppSeen, Evidence, RouteSeen, SidecarLine
from outboard.doctor.results import CheckResult, Status

__all__ = ["recent_failures", "route_answers", "route_matches", "route_there"]

REFUSED: Final = re.compile(r"status code returned: (\d{3})")
UNROUTED: Final = "no matching route for event"
RECENT: Final = timedelta(minutes=10)
LASTING: Final = frozenset({400, 401, 403, 404, 405, 406, 415, 422})
"""Answers that the next attempt gets as well, as are redirects; an error of the app may pass."""
LINES: Final = 3
NOT_FOUND: Final = 404
METHOD_NOT_ALLOWED: Final = 405
FIXES: Final = {
    401: "The app asks for another APP_API_TOKEN than its sidecar sends: set the same for both",
    403: "The app asks for another APP_API_TOKEN than its sidecar sends: set the same for both",
    404: "Correct the route of the subscription, or serve it; prefixes of routers count",
    405: "Serve the route for POST",
    422: "The body is a CloudEvent, whose payload is under `data`: take `Event[Model]` of the kit, or a dict",
}


def route_there(seen: Evidence) -> Iterator[CheckResult]:
    """Asked with OPTIONS, which runs no handler, the app knows the route for POST."""
    title = "it serves the route of each subscription"
    for app in seen.apps:
        if not app.routes:
            continue
        wrong = [(route, text) for route in app.routes if (text := _problem(route))]
        if not wrong:
            yield CheckResult("route-there", title, app.app_id, Status.PASSED)
        for route, text in wrong:
            fix = FIXES.get(route.answer.status, "Name the route exactly as the app serves it")
            command = commands.options_of(f"{app.app_address}{route.path}")
            evidence = (f"POST {route.path}: {text}",)
            yield CheckResult("route-there", title, app.app_id, Status.FAILED, evidence, fix, command)


def route_answers(seen: Evidence) -> Iterator[CheckResult]:
    """What its sidecar's log says of deliveries since the app was started."""
    title = "it takes what is delivered to it"
    for app in seen.apps:
        if not app.wanted or not app.log:
            continue
        found = recent_failures(app, seen.at)
        if not found:
            yield CheckResult("route-answers", title, app.app_id, Status.PASSED)
            continue
        statuses = sorted({_status(line) for line in found})
        lasting = [status for status in statuses if status in LASTING or 300 <= status < 400]
        fix = FIXES.get((lasting or statuses)[0], "See the app's own log for the reason")
        yield CheckResult(
            "route-answers",
            title,
            app.app_id,
            Status.FAILED if lasting else Status.WARNING,
            tuple(line.message for line in found[-LINES:]),
            fix,
            commands.grep("status code returned", app.log_path) if app.log_path else None,
        )


def route_matches(seen: Evidence) -> Iterator[CheckResult]:
    """Events that no rule of a subscription matches are acknowledged, and gone."""
    title = "each event finds a rule"
    for app in seen.apps:
        found = [
            line.message for line in app.log if UNROUTED in line.message and _is_recent(app, line, seen.at)
        ]
        if found:
            fix = "Add a default route, or correct the rules (`match`)"
            yield CheckResult("route-matches", title, app.app_id, Status.WARNING, tuple(found[-LINES:]), fix)


def recent_failures(app: AppSeen, now: datetime) -> list[SidecarLine]:
    """Lines of the sidecar's log about deliveries that the app did not take."""
    return [line for line in app.log if REFUSED.search(line.message) and _is_recent(app, line, now)]


def _problem(route: RouteSeen) -> str:
    answer = route.answer
    if answer.status == NOT_FOUND:
        return "the app answers 404, and the event would be dropped"
    if 300 <= answer.status < 400:
        where = answer.headers.get("location", "another address")
        return f"the app redirects to {where}, and a sidecar does not follow"
    allowed = answer.headers.get("allow", "")
    if answer.status == METHOD_NOT_ALLOWED and allowed and "POST" not in allowed.upper():
        return f"the app takes {allowed} there, and no POST"
    return ""


def _status(line: SidecarLine) -> int:
    found = REFUSED.search(line.message)
    return int(found[1]) if found else 0


def _is_recent(app: AppSeen, line: SidecarLine, now: datetime) -> bool:
    if line.at is None:
        return True
    since = app.process.started
    return now - line.at < RECENT and (since is None or line.at >= since)
