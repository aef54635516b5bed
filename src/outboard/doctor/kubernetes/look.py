"""A look at one namespace: its pods, components, secrets, services and logs, as far as one may see them."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from outboard.clock import Clock
from outboard.doctor.cluster_evidence import ClusterSeen, PodSeen, ResourceSeen, WorkloadSeen
from outboard.doctor.evidence import AppSeen, Evidence
from outboard.doctor.kubernetes.api import NOT_FOUND, Access, ApiRefused, connect
from outboard.doctor.kubernetes.asking import asked_apps
from outboard.doctor.kubernetes.logs import seen_logs
from outboard.doctor.kubernetes.manifests import Manifests
from outboard.doctor.kubernetes.parsing import pod, resource, workload
from outboard.doctor.kubernetes.rights import asked_rights, who_asks
from outboard.doctor.kubernetes.secrets import seen_secrets, values_of
from outboard.doctor.kubernetes.services import seen_services
from outboard.doctor.masking import masked

__all__ = ["KubernetesLook"]

DAPR: Final = "dapr.io/v1alpha1"
OTHER_VERSIONS: Final = {"subscriptions": "dapr.io/v2alpha1"}
KINDS: Final = {
    "components": "Component",
    "subscriptions": "Subscription",
    "configurations": "Configuration",
    "resiliencies": "Resiliency",
}
WORKLOADS: Final = {"deployments": "Deployment", "statefulsets": "StatefulSet", "daemonsets": "DaemonSet"}
PART_OF_DAPR: Final = "app.kubernetes.io/part-of=dapr"


@dataclass(frozen=True)
class KubernetesLook:
    """Asks the API server of the cluster that `kubeconfig` and `context` name. `pre`: whether one may deploy
    there, and `manifests` are what is to be deployed.
    """

    namespace: str
    clock: Clock
    kubeconfig: Path | None = None
    context: str = ""
    app_id: str = ""
    pre: bool = False
    manifests: Manifests = field(default_factory=Manifests)

    async def __call__(self) -> Evidence:
        """What there is to see. Raises CommandError where no cluster is named, or kr8s is not installed."""
        seen = ClusterSeen(self.namespace, context=self._options(), pre=self.pre, app_id=self.app_id)
        apps: tuple[AppSeen, ...] = ()
        secrets: list[str] = []
        try:
            access = await connect(self.kubeconfig, self.context)
            secrets = access.secrets
            try:
                seen = await self._looked(access, seen)
                apps = () if self.pre else await asked_apps(access, seen)
                # in one order, whichever was answered first
                unseen = sorted(access.unseen, key=lambda each: (each.what, each.resource))
                seen = replace(seen, unseen=tuple(unseen))
            finally:
                await access.close()
        except OSError as error:
            seen = replace(seen, unreachable=str(error) or type(error).__name__)
        except ApiRefused as refused:
            seen = replace(seen, unreachable=f"HTTP {refused.status}: {refused}")
        where = f"namespace {self.namespace}"
        return masked(Evidence(where, self.clock.now(), apps, cluster=seen), secrets)

    async def canaries(self, seen: Evidence) -> Evidence:
        """None are sent on a cluster."""
        return seen

    def _options(self) -> str:
        """Those that kubectl needs to ask the same cluster."""
        given = [f"--context {self.context}"] if self.context else []
        given += [f"--kubeconfig {self.kubeconfig}"] if self.kubeconfig else []
        return " ".join(given)

    async def _looked(self, access: Access, seen: ClusterSeen) -> ClusterSeen:
        seen = replace(seen, user=await who_asks(access))
        exists, found, control_plane, pods, workloads = await asyncio.gather(
            self._namespace_exists(access),
            self._resources(access),
            _control_plane(access),
            self._pods(access),
            self._workloads(access),
        )
        seen = replace(
            seen,
            namespace_exists=exists,
            definitions=_are_defined(access, found),
            resources=found,
            control_plane=control_plane,
            pods=pods,
            workloads=workloads,
        )
        if self.pre:
            seen = replace(seen, resources=(*(found or ()), *self.manifests.components))
        own = [each for each in seen.resources or () if each.namespace == self.namespace]
        secrets, services, logs, said = await asyncio.gather(
            seen_secrets(access, own),
            seen_services(access, own),
            seen_logs(access, seen),
            values_of(access, (name for each in seen.chosen for name in each.secrets), self.namespace),
        )
        rights = await asked_rights(access, self.namespace, exists=exists) if self.pre else ()
        brought = {each.name for each in self.manifests.secrets}
        secrets = (*self.manifests.secrets, *(each for each in secrets if each.name not in brought))
        logs = masked(logs, said)
        return replace(seen, secrets=secrets, services=services, logs=logs, rights=rights)

    async def _namespace_exists(self, access: Access) -> bool | None:
        try:
            await access.get(f"namespaces/{self.namespace}")
        except ApiRefused as refused:
            if refused.status == NOT_FOUND:
                return False
            access.miss("whether the namespace is there", refused, "get", "namespaces", "")
            return None
        return True

    async def _pods(self, access: Access) -> tuple[PodSeen, ...] | None:
        found = await access.items("the pods", "pods", namespace=self.namespace)
        if found is None:
            return None
        return tuple(pod(each) for each in found)

    async def _workloads(self, access: Access) -> tuple[WorkloadSeen, ...] | None:
        seen: list[WorkloadSeen] = []
        known = False
        for path, kind in WORKLOADS.items():
            found = await access.items(f"the {path}", path, version="apps/v1", namespace=self.namespace)
            known = known or found is not None
            seen += [workload(kind, each) for each in found or ()]
        return tuple(seen) if known else None

    async def _resources(self, access: Access) -> tuple[ResourceSeen, ...] | None:
        """None where Dapr's definitions are not there."""
        seen: list[ResourceSeen] = []
        for path, kind in KINDS.items():
            try:
                seen += await self._of_kind(access, path, kind)
            except ApiRefused as refused:
                if refused.status != NOT_FOUND:
                    raise
                if kind == "Component":
                    return None
        return tuple(seen)

    async def _of_kind(self, access: Access, path: str, kind: str) -> list[ResourceSeen]:
        """Those of all namespaces, or, where these may not be seen, of this one."""
        version = OTHER_VERSIONS.get(path, DAPR)
        found = await access.items(f"{path} of other namespaces", path, version=version)
        if found is None:
            found = await access.items(f"the {path}", path, version=version, namespace=self.namespace)
        return [resource(kind, each) for each in found or ()]


def _are_defined(access: Access, found: tuple[ResourceSeen, ...] | None) -> bool | None:
    """Where no components may be listed, that is refused of a kind that is not there too."""
    refused = {each.namespace for each in access.unseen if each.resource == "components"}
    return None if found is not None and len(refused) > 1 else found is not None


async def _control_plane(access: Access) -> tuple[PodSeen, ...] | None:
    """Dapr's own pods, in whichever namespace they are; in `dapr-system` where others may not be seen."""
    reason = ApiRefused(0, "")
    for namespace in ("", "dapr-system"):
        try:
            answer = await access.get("pods", namespace=namespace, labelSelector=PART_OF_DAPR)
        except ApiRefused as refused:
            reason = refused
            continue
        return tuple(pod(each) for each in answer["items"])
    access.miss("the pods of Dapr's control plane", reason, "list", "pods", "dapr-system")
    return None
