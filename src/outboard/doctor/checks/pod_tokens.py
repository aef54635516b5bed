"""The tokens that a sidecar and its app need: that of Kubernetes, and Dapr's own. Pure.

Source: Dapr, "Enable API token authentication in Dapr": the injector gives both tokens to the sidecar alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from outboard.doctor.cluster_commands import kubectl
from outboard.doctor.cluster_evidence import ClusterSeen, PodSeen
from outboard.doctor.results import CheckResult, Status

__all__ = ["injection_account", "injection_tokens"]

NO_STORE: Final = "dapr.io/disable-builtin-k8s-secret-store"
ACCOUNT: Final = "/var/run/secrets/kubernetes.io/serviceaccount"
TRUTHY: Final = frozenset({"y", "yes", "true", "t", "on", "1"})
TOKENS: Final = (
    ("dapr.io/api-token-secret", "DAPR_API_TOKEN", "its sidecar refuses each of its calls with 401"),
    ("dapr.io/app-token-secret", "APP_API_TOKEN", "it takes events from everybody"),
)
REFUSED: Final = re.compile(r"refused the API token|\b401\b|invalid api token", re.IGNORECASE)


def injection_account(seen: ClusterSeen) -> Iterator[CheckResult]:
    """The sidecar reads Kubernetes' secrets with the token of its account, unless it is told not to."""
    title = "its sidecar can ask Kubernetes for secrets, or is told not to"
    for pod in seen.dapr_pods:
        if pod.sidecar is None:
            continue
        has_token = any(each.rstrip("/") == ACCOUNT for each in pod.sidecar.mounts)
        if has_token or pod.annotation(NO_STORE).lower() in TRUTHY:
            yield CheckResult("injection-account", title, pod.app_id, Status.PASSED)
            continue
        evidence = (
            f'the token of its ServiceAccount is not mounted, and {NO_STORE} is not "true": daprd ends with '
            "`secretstores.kubernetes … no such file or directory`, again and again",
        )
        fix = (
            f'Write {NO_STORE}: "true" on the pod template, or take automountServiceAccountToken: false away'
        )
        command = kubectl(seen, f"get pod {pod.name} -n {pod.namespace} -o yaml")
        yield CheckResult("injection-account", title, pod.app_id, Status.FAILED, evidence, fix, command)


def injection_tokens(seen: ClusterSeen) -> Iterator[CheckResult]:
    """The app has each token that its annotations name: its sidecar was given it, and nobody else."""
    title = "the app has the tokens that its sidecar goes by"
    for pod in seen.dapr_pods:
        if pod.app is None:
            continue
        missing = [each for each in TOKENS if pod.annotation(each[0]) and not _has(pod, *each[:2])]
        if not missing:
            yield CheckResult("injection-tokens", title, pod.app_id, Status.PASSED)
        for annotation, variable, consequence in missing:
            secret = pod.annotation(annotation)
            log = seen.log(pod, pod.app.name)
            lines = [line for line in (log.lines if log else ()) if REFUSED.search(line)]
            told = lines[-1:] if variable == "DAPR_API_TOKEN" else []
            evidence = (
                f"{annotation} is '{secret}', and container '{pod.app.name}' is not given it: {consequence}",
                *(f"it said: {line}" for line in told),
            )
            status = Status.FAILED if told else Status.WARNING
            fix = f"Add {variable} to `env` of the container, by secretKeyRef of '{secret}'"
            command = kubectl(seen, f"get pod {pod.name} -n {pod.namespace} -o yaml")
            yield CheckResult("injection-tokens", title, pod.app_id, status, evidence, fix, command)


def _has(pod: PodSeen, annotation: str, variable: str) -> bool:
    given = pod.app is not None and pod.annotation(annotation) in pod.app.secrets
    return given or (pod.app is not None and variable in pod.app.variables)
