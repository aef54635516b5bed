"""What the apps and sidecars of pods answer, asked inside their pods."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from outboard.doctor.cluster_evidence import ClusterSeen, PodSeen
from outboard.doctor.evidence import AppSeen, HttpAnswer, RouteSeen, SidecarSeen, SubscriptionSeen
from outboard.doctor.grpc_app import AppOverGrpc, over_grpc
from outboard.doctor.kubernetes.api import Access, ApiRefused
from outboard.doctor.kubernetes.forwarding import LOOPBACK, forwarded
from outboard.doctor.kubernetes.together import together
from outboard.doctor.kubernetes.tokens import API_TOKEN, APP_TOKEN, PodTokens
from outboard.doctor.kubernetes.tunnel import nobody_listens, tunnel
from outboard.doctor.reading import answer_of, metadata_in, sidecar_line, subscriptions_in
from outboard.sidecar.channel.protocols import GRPC_PROTOCOLS
from outboard.sidecar.grpc_library import is_grpc_installed
from outboard.wire.dapr import (
    API_TOKEN_HEADER,
    APP_ID_HEADER,
    HEALTH_PATH,
    METADATA_PATH,
    OUTBOUND_HEALTH_PATH,
    SUBSCRIBE_PATH,
)

__all__ = ["asked_apps"]

SIDECAR_PORT: Final = 3500
"""As the injector has it."""
MOST_ROUTES: Final = 20
HTTP: Final = "http"
PROTOCOL: Final = "dapr.io/app-protocol"


async def asked_apps(access: Access, seen: ClusterSeen) -> tuple[AppSeen, ...]:
    """The app of each pod with a sidecar that runs. Where one may not ask it, what is known without."""
    tokens = PodTokens(access)
    pods = [pod for pod in seen.dapr_pods if pod.sidecar is not None and pod.sidecar.running]
    return tuple(await together(*(_asked(access, tokens, seen, pod) for pod in pods)))


async def _asked(access: Access, tokens: PodTokens, seen: ClusterSeen, pod: PodSeen) -> AppSeen:
    app = _known(seen, pod)
    try:
        sidecar = await _sidecar(access, pod, await tokens.of(pod, API_TOKEN))
        app = replace(app, sidecar=sidecar)
        if not app.app_port or app.unasked:
            return app
        token = await tokens.of(pod, APP_TOKEN)
        if app.needs_app_token and not token:
            return replace(app, unasked="it asks for a token that could not be read here")
        return await (_grpc_app if app.over_grpc else _app)(access, app, pod, token)
    except ApiRefused as refused:
        _miss(access, pod, refused)
    except OSError as error:
        _miss(access, pod, ApiRefused(0, str(error)))
    return app


def _miss(access: Access, pod: PodSeen, why: ApiRefused) -> None:
    access.miss("what the pods answer", why, "create", "pods/portforward", pod.namespace)


def _known(seen: ClusterSeen, pod: PodSeen) -> AppSeen:
    """What is known of the app without asking it."""
    port = pod.annotation("dapr.io/app-port")
    protocol = pod.annotation(PROTOCOL) or HTTP
    over_grpc = protocol in GRPC_PROTOCOLS and is_grpc_installed()
    declared = [each for each in seen.own("Subscription") if each.serves(pod.app_id)]
    log = seen.log(pod, "daprd")
    said = seen.log(pod, pod.app.name) if pod.app else None
    return AppSeen(
        pod.app_id,
        int(port) if port.isdigit() else 0,
        SIDECAR_PORT,
        pod=pod.name,
        unasked=""
        if protocol == HTTP or over_grpc
        else f"it speaks {protocol}, which is not asked through a port-forward",
        over_grpc=over_grpc,
        in_files=tuple(
            SubscriptionSeen(*each.target, each.rules, each.dead_letter_topic, f"Subscription '{each.name}'")
            for each in declared
        ),
        engine="daprd",
        log=tuple(map(sidecar_line, log.lines)) if log else (),
        app_log=tuple(line for line in said.lines if line.strip()) if said else (),
        needs_app_token=bool(pod.annotation(APP_TOKEN)),
        needs_api_token=bool(pod.annotation(API_TOKEN)),
    )


async def _sidecar(access: Access, pod: PodSeen, token: str) -> SidecarSeen:
    async with tunnel(access, pod.name, pod.namespace, SIDECAR_PORT) as way:
        metadata = await way.ask(METADATA_PATH, {API_TOKEN_HEADER: token} if token else {})
        health = await way.ask(HEALTH_PATH)
        outbound = await way.ask(OUTBOUND_HEALTH_PATH)
    told = None if isinstance(metadata, str) or not metadata.ok else metadata_in(metadata.body)
    answer = answer_of(metadata)
    # the metadata themselves are in `metadata`
    kept = HttpAnswer(answer.status) if told is not None else answer
    return SidecarSeen(answer_of(health), answer_of(outbound), kept, told)


async def _app(access: Access, app: AppSeen, pod: PodSeen, token: str) -> AppSeen:
    async with tunnel(access, pod.name, pod.namespace, app.app_port) as way:
        headers = {API_TOKEN_HEADER: token} if token else {}
        response = await way.ask(SUBSCRIBE_PATH, headers | {APP_ID_HEADER: app.app_id})
    answer = answer_of(response)
    closed = answer.failure == nobody_listens(app.app_port)
    app = replace(app, listening=not closed, subscribe=answer)
    if not isinstance(response, str) and response.ok:
        subscribed, problem = subscriptions_in(response.body)
        app = replace(app, subscribed=subscribed, subscribe_problem=problem)
    if closed:
        return app
    paths = list(dict.fromkeys(path for each in app.wanted for _, path in each.rules))[:MOST_ROUTES]
    return replace(app, routes=await _routes(access, app, pod, paths, headers))


async def _grpc_app(access: Access, app: AppSeen, pod: PodSeen, token: str) -> AppSeen:
    async with forwarded(access, pod.name, pod.namespace, app.app_port) as way:
        seen = await over_grpc(app, AppOverGrpc(pod.annotation(PROTOCOL), LOOPBACK, way.port, token))
    if way.refused:
        return replace(app, listening=False, subscribe=HttpAnswer(failure=nobody_listens(app.app_port)))
    return replace(seen, listening=True)


async def _routes(
    access: Access, app: AppSeen, pod: PodSeen, paths: Sequence[str], headers: dict[str, str]
) -> tuple[RouteSeen, ...]:
    """Asked with OPTIONS, which runs no handler; each by a connection of its own, for not all are kept."""
    routes: list[RouteSeen] = []
    for path in (path if path.startswith("/") else f"/{path}" for path in paths):
        async with tunnel(access, pod.name, pod.namespace, app.app_port) as way:
            routes.append(RouteSeen(path, answer_of(await way.ask(path, headers, method="OPTIONS"))))
    return tuple(routes)
