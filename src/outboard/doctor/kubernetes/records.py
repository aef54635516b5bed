"""The records of hops that the apps of pods show, copied into a folder of this machine by port-forward."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from outboard.doctor.cluster_evidence import ClusterSeen, PodSeen
from outboard.doctor.kubernetes.api import FORBIDDEN, NOT_FOUND, Access, ApiRefused, connect
from outboard.doctor.kubernetes.parsing import pod as parse_pod
from outboard.doctor.kubernetes.together import together
from outboard.doctor.kubernetes.tokens import APP_TOKEN, PodTokens
from outboard.doctor.kubernetes.tunnel import Tunnel, tunnel
from outboard.errors import CommandError
from outboard.hops.files.pieces import RecordCopy
from outboard.host.event_loop import new_event_loop
from outboard.wire.dapr import API_TOKEN_HEADER
from outboard.wire.http import Response
from outboard.wire.shown_record import RECORD_PATH, NoRecordShown, RecordFile, listing_in, piece_path

__all__ = ["RecordsOfPods", "records_of_pods"]

MOST_OF_A_POD: Final = 128 * 2**20
"""Twice what a record has at most: a pod that answers without end does not fill the disk."""
PROTOCOLS: Final = frozenset({"", "http"})


class _NotShown(Exception):
    """Why the record of a pod cannot be seen, as the end of a sentence."""


@dataclass
class RecordsOfPods:
    """Those of the pods of `namespace` with a sidecar, in `folder` as far as they were copied."""

    namespace: str
    folder: Path
    _access: Access
    _runner: asyncio.Runner
    _copies: dict[str, RecordCopy] = field(default_factory=dict)
    _owners: dict[str, str] = field(default_factory=dict)
    """File → the pod that it is copied from: others may have it too, in a volume of them all."""
    _told: set[str] = field(default_factory=set)

    def copy(self) -> list[str]:
        """Copy what came since the last time. Sentences on what could not be seen, each once.

        Raises CommandError where no pod can be asked, for one may not see them or there are none.
        """
        try:
            reasons = self._runner.run(self._copied())
        except (ApiRefused, OSError) as error:
            raise _unreachable(error) from error
        told = [_told(reason, pods, self.namespace) for reason, pods in reasons.items()]
        new = [each for each in told if each not in self._told]
        self._told.update(new)
        return new

    async def _copied(self) -> dict[str, list[PodSeen]]:
        """Why there is nothing of which pods."""
        pods = await self._pods()
        tokens = PodTokens(self._access)
        found = await together(*(self._of_pod(pod, tokens) for pod in pods))
        reasons: dict[str, list[PodSeen]] = {}
        for pod, reason in zip(pods, found, strict=True):
            if reason:
                reasons.setdefault(reason, []).append(pod)
        return reasons

    async def _pods(self) -> list[PodSeen]:
        try:
            found = (await self._access.get("pods", namespace=self.namespace))["items"]
        except ApiRefused as refused:
            if refused.status != FORBIDDEN:
                raise
            raise CommandError(
                f"the pods of namespace {self.namespace} cannot be seen: {refused}",
                f"Ask whoever runs the cluster; `kubectl auth can-i list pods -n {self.namespace}` says "
                "whether you may.",
            ) from refused
        pods = ClusterSeen(self.namespace, pods=tuple(map(parse_pod, found))).dapr_pods
        if not pods:
            raise CommandError(
                f"namespace {self.namespace} has no pod with a sidecar of Dapr",
                f"`kubectl get pods -n {self.namespace}` shows those that are there, "
                f"`outboard doctor -n {self.namespace}` what is wrong with them.",
            )
        return pods

    async def _of_pod(self, pod: PodSeen, tokens: PodTokens) -> str:
        """Copy what is new of its record: empty, or why not."""
        try:
            port, token = _port(pod), await _token(pod, tokens)
            async with tunnel(self._access, pod.name, pod.namespace, port) as way:
                return await self._tried(way, pod.name, {API_TOKEN_HEADER: token})
        except (_NotShown, ApiRefused, OSError) as error:
            return str(error) or type(error).__name__

    async def _tried(self, way: Tunnel, pod: str, headers: dict[str, str]) -> str:
        """What would be raised through the WebSocket would come out as a group."""
        try:
            await self._through(way, pod, headers)
        except (_NotShown, OSError) as error:
            return str(error) or type(error).__name__
        return ""

    async def _through(self, way: Tunnel, pod: str, headers: dict[str, str]) -> None:
        copy = self._copies.setdefault(pod, RecordCopy(self.folder, MOST_OF_A_POD))
        try:
            files = listing_in(_body(await way.ask(RECORD_PATH, headers)))
        except NoRecordShown as error:
            raise _NotShown(f"the app answers what is no record: {error}") from error
        for file in files:
            if self._owners.setdefault(file.name, pod) != pod:
                continue
            await _copy(file, copy, way, headers)
            if copy.is_full:
                raise _NotShown(f"it is larger than {MOST_OF_A_POD // 2**20} MB; the rest is left out")


async def _copy(file: RecordFile, copy: RecordCopy, way: Tunnel, headers: dict[str, str]) -> None:
    """Up to the size that was told. A file that has gone meanwhile was the oldest."""
    while not copy.is_full and (begin := copy.missing(file)) is not None:
        answer = await way.ask(piece_path(file.name, begin), headers)
        if not isinstance(answer, str) and answer.status == NOT_FOUND:
            return
        piece = _body(answer)
        if not piece:
            return  # it has become shorter
        copy.add(file.name, piece)


def _body(answer: Response | str) -> bytes:
    """Raises _NotShown where the answer is no success."""
    if isinstance(answer, str):
        raise _NotShown(answer)
    if answer.status == NOT_FOUND:
        raise _NotShown("the app keeps none: OUTBOARD_HOPS is not set, or its kit is an older one")
    if not answer.ok:
        said = answer.body.decode("utf-8", "replace").strip()[:200]
        raise _NotShown(f"the app answers {answer.status} {said}".rstrip())
    return answer.body


def _port(pod: PodSeen) -> int:
    """Where the app listens. Raises _NotShown."""
    if (protocol := pod.annotation("dapr.io/app-protocol")) not in PROTOCOLS:
        raise _NotShown(f"the app speaks {protocol}, by which a record is not asked for")
    port = pod.annotation("dapr.io/app-port")
    if port.isdigit():
        return int(port)
    if pod.app is None or not pod.app.ports:
        raise _NotShown("the app has no port")
    return pod.app.ports[0]


async def _token(pod: PodSeen, tokens: PodTokens) -> str:
    """The app's. Raises _NotShown."""
    name = pod.annotation(APP_TOKEN)
    if not name:
        raise _NotShown(f"the app has no token ({APP_TOKEN}), and shows its record to nobody without")
    if not (token := await tokens.of(pod, APP_TOKEN)):
        asked = f"`kubectl auth can-i get secrets/{name} -n {pod.namespace}` says whether you may"
        raise _NotShown(f"the app's token could not be read from the Secret '{name}' ({asked})")
    return token


def _told(reason: str, pods: list[PodSeen], namespace: str) -> str:
    names, first = ", ".join(sorted(pod.name for pod in pods)), pods[0]
    container = f" -c {first.app.name}" if first.app is not None else ""
    return (
        f"the record of {names} could not be read: {reason}. Where the container has `tar`, and you may run "
        f"programs in it, copy what is in the folder that its OUTBOARD_HOPS names, for --record: "
        f"kubectl cp -n {namespace}{container} {first.name}:FOLDER hops"
    )


def _unreachable(error: Exception) -> CommandError:
    why = str(error) or type(error).__name__
    return CommandError(f"the cluster cannot be asked: {why}", "See whether `kubectl get pods` can.")


@contextmanager
def records_of_pods(namespace: str, kubeconfig: Path | None, context: str) -> Iterator[RecordsOfPods]:
    """As long as the block runs, in a folder that ends with it. Raises CommandError where there is no cluster
    that can be asked, or no client library.
    """
    with (
        TemporaryDirectory(prefix="outboard-trace-") as folder,
        asyncio.Runner(loop_factory=new_event_loop) as runner,
    ):
        try:
            access = runner.run(connect(kubeconfig, context))
        except OSError as error:
            raise _unreachable(error) from error
        try:
            yield RecordsOfPods(namespace, Path(folder), access, runner)
        finally:
            runner.run(access.close())
