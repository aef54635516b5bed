"""The sidecar: does it answer, is it this app's, does it let the app in, and is it ready? Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from outboard.doctor import commands
from outboard.doctor.checks.release_notes import warnings_of
from outboard.doctor.evidence import AppSeen, Evidence
from outboard.doctor.results import CheckResult, ManualCommand, Status

__all__ = [
    "sidecar_answers",
    "sidecar_exposed",
    "sidecar_identity",
    "sidecar_ready",
    "sidecar_token",
    "sidecar_version",
]

UNAUTHORIZED: Final = 401


def sidecar_answers(seen: Evidence) -> Iterator[CheckResult]:
    """Somebody answers on the port of the sidecar's API."""
    for app in seen.apps:
        title = "its sidecar answers"
        health = app.sidecar.outbound
        if health.status:
            yield CheckResult("sidecar-answers", title, app.app_id, Status.PASSED)
            continue
        evidence = [f"port {app.http_port}: {health.failure or 'no answer'}"]
        if app.sidecar.owner:
            evidence.append(f"{app.sidecar.owner} has the port")
        evidence += [line.message for line in app.log if line.level in {"error", "fatal"}][-3:]
        fix = "Start the sidecar, with `outboard run` or `outboard sidecar`; its last lines say why it ended"
        command = commands.ask(f"{app.sidecar_address}/v1.0/healthz/outbound")
        yield CheckResult("sidecar-answers", title, app.app_id, Status.FAILED, tuple(evidence), fix, command)


def sidecar_token(seen: Evidence) -> Iterator[CheckResult]:
    """What asks with the token of the app is let in."""
    title = "it takes the API token of the app"
    for app in seen.apps:
        answer = app.sidecar.metadata_answer
        if answer.status == UNAUTHORIZED:
            told = "the one that the app has" if app.needs_api_token else "none, as the app does"
            evidence: tuple[str, ...] = (f"asked with {told}, it answers {answer}",)
            fix = (
                "Give the app the DAPR_API_TOKEN that the sidecar was started with; for sidecars that were "
                "started by hand, set it here too"
            )
            yield CheckResult(
                "sidecar-token", title, app.app_id, Status.FAILED, evidence, fix, _metadata_command(app)
            )
        elif answer.ok:
            yield CheckResult("sidecar-token", title, app.app_id, Status.PASSED)


def sidecar_identity(seen: Evidence) -> Iterator[CheckResult]:
    """Who answers on the port is the sidecar of this app, and not another one."""
    title = "it is the sidecar of this app"
    for app in seen.apps:
        metadata, answer = app.sidecar.metadata, app.sidecar.metadata_answer
        if metadata is not None and metadata.app_id == app.app_id:
            yield CheckResult("sidecar-identity", title, app.app_id, Status.PASSED)
        elif metadata is not None:
            evidence: tuple[str, ...] = (
                f"on port {app.http_port} the sidecar of '{metadata.app_id}' answers",
            )
            fix = "Correct DAPR_HTTP_PORT, or give each sidecar a port of its own (`daprHTTPPort`)"
            yield CheckResult(
                "sidecar-identity", title, app.app_id, Status.FAILED, evidence, fix, _metadata_command(app)
            )
        elif answer.status and answer.status != UNAUTHORIZED:
            evidence = (f"at /v1.0/metadata it answers {answer}", f"{app.sidecar.owner} has the port")
            fix = "Something else listens there: stop it, or give the sidecar another port"
            yield CheckResult(
                "sidecar-identity", title, app.app_id, Status.FAILED, evidence, fix, _metadata_command(app)
            )


UNREACHED: Final = (
    "It waits for its broker. Start that, or correct its address in the component. A Kafka that is reached, "
    "and then is not, advertises an address that does not lead to it: see `advertised.listeners`"
)


def sidecar_version(seen: Evidence) -> Iterator[CheckResult]:
    """What is known of that version of Dapr."""
    for app in seen.apps:
        metadata = app.sidecar.metadata
        if metadata is None:
            continue
        traps = warnings_of(metadata.version) if app.engine == "daprd" else ()
        told = (f"it is version {metadata.version}", *traps) if traps else ()
        status = Status.WARNING if told else Status.PASSED
        title = f"its version, {metadata.version or 'unknown'}, has no known trap"
        fix = "Take a newer daprd" if told else ""
        yield CheckResult("sidecar-version", title, app.app_id, status, told, fix, _metadata_command(app))


def sidecar_ready(seen: Evidence) -> Iterator[CheckResult]:
    """It has found the app, and has made its subscriptions."""
    title = "it is ready"
    for app in seen.apps:
        answer = app.sidecar.health
        if answer.ok:
            yield CheckResult("sidecar-ready", title, app.app_id, Status.PASSED)
        elif answer.status:
            evidence = [f"at /v1.0/healthz it answers {answer}"]
            evidence += [line.message for line in app.log if line.level in {"warn", "error", "fatal"}][-3:]
            away = [each for each in seen.brokers if each.app_id == app.app_id and each.failure]
            evidence += [
                f"the broker of '{each.component}' cannot be reached: {each.failure}" for each in away
            ]
            fix = UNREACHED if away else "It waits for the app, or for a component: its log says for which"
            command = commands.ask(f"{app.sidecar_address}/v1.0/healthz")
            yield CheckResult(
                "sidecar-ready", title, app.app_id, Status.FAILED, tuple(evidence), fix, command
            )


def sidecar_exposed(seen: Evidence) -> Iterator[CheckResult]:
    """An API that others on the network can call needs a token."""
    title = "nobody on the network can call it without a token"
    for app in seen.apps:
        if not app.sidecar.exposed:
            yield CheckResult("sidecar-exposed", title, app.app_id, Status.PASSED)
            continue
        evidence = (f"it listens on {app.sidecar.exposed}, and asks for no token",)
        fix = "Set DAPR_API_TOKEN, or let it listen on 127.0.0.1 (`--dapr-listen-addresses`)"
        yield CheckResult(
            "sidecar-exposed", title, app.app_id, Status.WARNING, evidence, fix, _metadata_command(app)
        )


def _metadata_command(app: AppSeen) -> ManualCommand:
    token = "DAPR_API_TOKEN" if app.needs_api_token else ""
    return commands.ask(f"{app.sidecar_address}/v1.0/metadata", token)
