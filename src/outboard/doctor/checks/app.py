"""The run, and the app: does it run, and does it listen where its sidecar calls it? Pure."""

from __future__ import annotations

from collections.abc import Iterator

from outboard.doctor import commands
from outboard.doctor.evidence import AppSeen, Evidence
from outboard.doctor.results import CheckResult, Status

__all__ = ["app_answers", "app_healthy", "app_listening", "app_port", "app_process", "run_alive"]

LAST_LINES = 5
DEADLOCK_FIX = (
    "Let the app open its port first. In its start it may wait for /v1.0/healthz/outbound, which does not "
    "wait for the app; /v1.0/healthz does, so that each would wait for the other"
)


def run_alive(seen: Evidence) -> Iterator[CheckResult]:
    """A run that has ended is why nothing arrives."""
    run = seen.run
    if run is None:
        return
    title = "the run goes on"
    if run.state == "live":
        yield CheckResult("run-alive", title, run.run_id, Status.PASSED)
        return
    said = {"died": "its process is gone, and it did not say why", "elsewhere": "it was started elsewhere"}
    evidence = [run.problem or said.get(run.state, "it was asked to stop")]
    for app in seen.apps:
        evidence += [f"{app.app_id} said: {line}" for line in app.app_log[-LAST_LINES:]]
        evidence += _last_errors(app)
    yield CheckResult(
        "run-alive",
        title,
        run.run_id,
        Status.UNKNOWN if run.state == "elsewhere" else Status.FAILED,
        tuple(evidence),
        "Correct what it says, and start it again: `outboard run`",
        commands.same("outboard run --dry-run"),
    )


def app_process(seen: Evidence) -> Iterator[CheckResult]:
    """An app that this run started, and that has ended."""
    for app in seen.apps:
        code = app.process.exit_code
        title = "the process of the app runs"
        if app.process.pid:
            yield CheckResult("app-process", title, app.app_id, Status.PASSED)
        elif code is not None and app.app_port:
            evidence = [f"it ended with exit code {code}", *app.app_log[-LAST_LINES:]]
            fix = "Correct what its last lines say; with `--reload` it is started again when a file changes"
            yield CheckResult("app-process", title, app.app_id, Status.FAILED, tuple(evidence), fix)


def app_port(seen: Evidence) -> Iterator[CheckResult]:
    """Without a port a sidecar calls no app, and delivers nothing."""
    title = "its sidecar has a port to call it at"
    for app in seen.apps:
        if app.app_port:
            yield CheckResult("app-port", title, app.app_id, Status.PASSED)
        elif app.found_at or app.in_files:
            evidence = ["its sidecar was given no app port, so that no subscription is ever delivered"]
            if app.found_at:
                evidence.append(f"it listens on port {app.found_at}, and answers /dapr/subscribe there")
            if app.in_files:
                evidence.append(f"{app.in_files[0].source} subscribes it to '{app.in_files[0].topic}'")
            port = app.found_at or "PORT"
            fix = f"Set `appPort: {port}` in dapr.yaml, or `--app-port {port}`"
            command = commands.ask(f"http://localhost:{port}/dapr/subscribe", "APP_API_TOKEN")
            yield CheckResult("app-port", title, app.app_id, Status.FAILED, tuple(evidence), fix, command)


def app_listening(seen: Evidence) -> Iterator[CheckResult]:
    """The port is open, and it is the app that has opened it."""
    for app in seen.apps:
        ended = not app.process.pid and app.process.exit_code is not None
        if app.app_port and app.listening is not None and not ended:
            yield _listening(app)


def app_answers(seen: Evidence) -> Iterator[CheckResult]:
    """An app that listens and does not answer: something blocks its event loop, or all of its threads."""
    title = "the app answers"
    for app in seen.apps:
        if not app.listening or app.unasked or _is_strangers(app):
            continue
        if app.subscribe.status:
            yield CheckResult("app-answers", title, app.app_id, Status.PASSED)
            continue
        asked = app.subscriptions_at if app.over_grpc else f"GET {app.subscriptions_at}"
        evidence = (f"{asked}: {app.subscribe}", *app.app_log[-LAST_LINES:])
        fix = (
            "See what it is busy with: a call that blocks its event loop, or a process stopped by a debugger"
        )
        command = None if app.over_grpc else commands.ask(f"{app.app_address}/dapr/subscribe")
        yield CheckResult("app-answers", title, app.app_id, Status.FAILED, evidence, fix, command)


def app_healthy(seen: Evidence) -> Iterator[CheckResult]:
    """An app that fails its health check gets nothing, while its sidecar says that all is well."""
    title = "the app passes the health check of its sidecar"
    for app in seen.apps:
        metadata = app.sidecar.metadata
        if app.health is None or metadata is None or _is_strangers(app):
            continue
        if app.health.ok:
            yield CheckResult("app-healthy", title, app.app_id, Status.PASSED)
            continue
        evidence = (f"at {metadata.health_path} it answers {app.health}: so long nothing is delivered to it",)
        fix = (
            "Answer there with 200 (`appHealthCheckPath` names another path), or see why the app is not well"
        )
        command = commands.ask(f"{app.app_address}{metadata.health_path}")
        yield CheckResult("app-healthy", title, app.app_id, Status.FAILED, evidence, fix, command)


def _listening(app: AppSeen) -> CheckResult:
    code, title = "app-listening", "the app listens on its port"
    command = commands.listeners(app.app_port)
    if app.listening:
        if _is_strangers(app):
            evidence = (
                f"port {app.app_port} is open, but {app.port_owner} has it, not the app",
                *_ports(app),
            )
            fix = "Stop that process, or give the app another port, in its command and as its app port"
            return CheckResult(code, title, app.app_id, Status.FAILED, evidence, fix, command)
        return CheckResult(code, title, app.app_id, Status.PASSED)
    if app.process.asks_sidecar and not app.process.ports:
        evidence = (
            f"port {app.app_port} is closed, and the app calls its sidecar, which waits for that port",
        )
        sidecar = commands.ask(f"{app.sidecar_address}/v1.0/healthz")
        return CheckResult(
            "app-waits-for-sidecar",
            "the app does not wait for a sidecar that waits for it",
            app.app_id,
            Status.FAILED,
            (*evidence, *app.app_log[-LAST_LINES:]),
            DEADLOCK_FIX,
            sidecar,
        )
    fix = f"Let it listen on port {app.app_port}: its environment has it as APP_PORT"
    if app.process.ports:
        other = app.process.ports[0]
        fix += f". Or set the app port to {other}, in dapr.yaml (`appPort`) or by --app-port"
    elif app.attached:
        fix = "Start it: `outboard run --attach` shows the command and the variables"
    evidence = (f"nobody listens on port {app.app_port}", *_ports(app), *app.app_log[-LAST_LINES:])
    return CheckResult(code, title, app.app_id, Status.FAILED, evidence, fix, command)


def _is_strangers(app: AppSeen) -> bool:
    """Whether the port is surely another process's: the app's own is known, and has not opened it."""
    return bool(app.process.pid and app.owner_pid and app.app_port not in app.process.ports)


def _ports(app: AppSeen) -> tuple[str, ...]:
    others = [port for port in app.process.ports if port != app.app_port]
    if not others:
        return ()
    return (f"its process listens on port {', '.join(map(str, others))} instead",)


def _last_errors(app: AppSeen) -> list[str]:
    errors = [line.message for line in app.log if line.level in {"error", "fatal"}]
    return [f"its sidecar said: {message}" for message in errors[-LAST_LINES:]]
