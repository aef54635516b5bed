"""Pods: the tokens that sidecar and service need, and are not given. Pure.

Source: Dapr, "Dapr arguments and annotations", "Enable API token authentication in Dapr"; Kubernetes,
"Configure Service Accounts for Pods".
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from outboard.check.apps import TRUTHY, PodTemplate
from outboard.check.corpus import Corpus
from outboard.check.document import Document, below, child, entries, is_placeholder, items, text
from outboard.check.rule import Hit, LintRule, Severity, at, at_key
from outboard.facts.annotations import PREFIX
from outboard.resources.node import Node

__all__ = ["RULES"]

UNMOUNTED: Final = "automountServiceAccountToken"
ACCOUNT: Final = "serviceaccount"
"""Part of the path of the token, which somebody may mount by hand."""
NO_STORE: Final = "disable-builtin-k8s-secret-store"
VARIABLES: Final = {"api-token-secret": "DAPR_API_TOKEN", "app-token-secret": "APP_API_TOKEN"}
WITHOUT: Final = {
    "api-token-secret": "without `DAPR_API_TOKEN` in its environment the sidecar refuses each of its calls",
    "app-token-secret": "without `APP_API_TOKEN` in its environment it takes events from everybody",
}


def account_token_missing(corpus: Corpus) -> Iterator[Hit]:
    accounts = {
        (each.namespace, each.name): each for each in corpus.documents if each.kind == "ServiceAccount"
    }
    for pod in corpus.dapr_pods:
        if pod.annotation(NO_STORE).lower() in TRUTHY or is_placeholder(_written(pod, NO_STORE)):
            continue
        place = _unmounted(pod, accounts)
        if place is not None and not _is_mounted_by_hand(pod):
            yield at_key(place, f"the sidecar of {pod.app_id or 'these pods'} gets no token of Kubernetes")


def token_not_given(corpus: Corpus) -> Iterator[Hit]:
    for pod in corpus.dapr_pods:
        for annotation, variable in VARIABLES.items():
            secret = pod.annotation(annotation)
            if annotation == "api-token-secret" and pod.annotation("sidecar-listen-addresses"):
                continue  # it may be for those who call the sidecar from outside
            if secret and not _is_given(pod, secret, variable):
                node = pod.of_dapr[PREFIX + annotation]
                advice = f"Add `{variable}` to `env` of the container, by `secretKeyRef` of `{secret}`."
                yield at(node, f"no container gets `{secret}`: {WITHOUT[annotation]}", advice)


def _unmounted(pod: PodTemplate, accounts: dict[tuple[str, str], Document]) -> Node | None:
    """Where it is said that the token is not mounted: of the pods, which counts first, or their account."""
    spec = child(pod.node, "spec")
    own = child(spec, UNMOUNTED)
    if own is not None:
        return own if text(own).lower() == "false" else None
    account = accounts.get((pod.namespace, text(child(spec, "serviceAccountName")) or "default"))
    found = child(account.node, UNMOUNTED) if account is not None else None
    return found if text(found).lower() == "false" else None


def _is_mounted_by_hand(pod: PodTemplate) -> bool:
    """A volume with a token of the account, or another way to the API that daprd is told of."""
    volumes = child(pod.node, "spec", "volumes")
    projected = volumes is not None and any(
        name.lower() == "serviceaccounttoken" for each in below(volumes) for name in entries(each)
    )
    told = pod.annotation("volume-mounts") + pod.annotation("env")
    return projected or ACCOUNT in told.lower() or "KUBECONFIG" in told


def _is_given(pod: PodTemplate, secret: str, variable: str) -> bool:
    """By the environment, by whatever name; by a volume; or perhaps by `envFrom`, which may hold anything."""
    for container in items(child(pod.node, "spec", "containers")):
        if items(child(container, "envFrom")):
            return True
        for each in items(child(container, "env")):
            given = text(child(each, "valueFrom", "secretKeyRef", "name"))
            if text(child(each, "name")) == variable or given == secret or is_placeholder(given):
                return True
    volumes = child(pod.node, "spec", "volumes")
    return volumes is not None and any(
        text(found.get("secretName") or found.get("name")) == secret for found in map(entries, below(volumes))
    )


def _written(pod: PodTemplate, name: str) -> str:
    return text(pod.annotations.get(PREFIX + name))


RULES: Final = (
    LintRule(
        "OB613",
        "account-token-missing",
        Severity.error,
        "The sidecar reads Kubernetes' secrets, but gets no token for it",
        "daprd ends at its start, again and again: `secretstores.kubernetes … no such file or directory`.",
        'Add the annotation `dapr.io/disable-builtin-k8s-secret-store: "true"`: the operator still reads '
        "what components name by `secretKeyRef`. If the app asks for secrets, let the token be mounted.",
        account_token_missing,
    ),
    LintRule(
        "OB614",
        "token-not-given",
        Severity.warning,
        "A token is required, but the service's container does not get it",
        "The injector gives it only to the sidecar. So the sidecar refuses the service's calls (401), or the "
        "service checks no token, whatever the sidecar sends.",
        "Add it to `env` of the container, by `secretKeyRef`.",
        token_not_given,
    ),
)
