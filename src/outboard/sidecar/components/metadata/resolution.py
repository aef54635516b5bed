"""From a component's metadata as it is written to the values that its adapter gets.

Source: Dapr, "How-To: Reference secrets in components" and "Component schema" (templates); daprd 1.18.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from outboard.resources.component import Component, MetadataItem, SecretKeyRef
from outboard.resources.finding import Finding
from outboard.resources.node import near
from outboard.sidecar.components.context import ComponentContext
from outboard.sidecar.components.metadata.properties import Properties, failure
from outboard.sidecar.components.port import ComponentError, SecretStore
from outboard.sidecar.components.unavailable import store_missing

__all__ = ["is_hidden", "resolve"]

DENIED_NAME: Final = "APP_API_TOKEN"
DENIED_PREFIX: Final = "DAPR_"
ALLOWED_NAMES: Final = "DAPR_ENV_KEYS"
NAMESPACE: Final = "{namespace}"


async def resolve(
    component: Component, context: ComponentContext, stores: Mapping[str, SecretStore]
) -> Properties:
    """Fetch secrets and environment variables, fill in templates, and add `consumerID` to a pub/sub.

    A secret that is not in its store is an error here; daprd goes on with an empty value. One that is there
    and empty is empty.

    Raises ComponentInitFailed.
    """
    values: dict[str, str] = {}
    findings: list[Finding] = []
    namespaced = False
    for item in component.metadata:
        if item.secret is not None:
            value = await _secret(component, item, item.secret, stores, findings)
        else:
            value = _value(component, item, context.environ, findings)
        namespaced = namespaced or NAMESPACE in value
        if item.name.lower() in values:
            reason = f"the metadata item `{item.name}` is written twice"
            raise failure(component, reason, "Only one would count: remove the other.", item.line)
        values[item.name.lower()] = _filled(component, item, value, context)
    if component.category == "pubsub":
        values["consumerid"] = values.get("consumerid", "").strip() or context.app_id
    return Properties(component, values, namespaced, findings)


def is_hidden(variable: str) -> bool:
    """Whether no component may ever read this environment variable: the tokens, and all of Dapr's own."""
    folded = variable.upper()
    return folded == DENIED_NAME or folded.startswith(DENIED_PREFIX)


def _may_refer(variable: str, environ: Mapping[str, str]) -> bool:
    """Whether `envRef` may name `variable`. Where DAPR_ENV_KEYS is set, only what it lists."""
    if is_hidden(variable) or " " in variable:
        return False
    allowed = environ.get(ALLOWED_NAMES, "").split()
    return not allowed or variable.upper() in allowed


def _value(
    component: Component, item: MetadataItem, environ: Mapping[str, str], findings: list[Finding]
) -> str:
    if item.value is not None or not item.env:
        return item.value or ""
    if not _may_refer(item.env, environ):
        problem = f"a component may not read environment variable '{item.env}': `{item.name}` of "
        problem += f"'{component.name}' stays empty"
        findings.append(Finding(str(component.path), item.line, problem))
        return ""
    return environ.get(item.env, "")


async def _secret(
    component: Component,
    item: MetadataItem,
    ref: SecretKeyRef,
    stores: Mapping[str, SecretStore],
    findings: list[Finding],
) -> str:
    wanted = f"`{item.name}` needs secret '{ref.name}'"
    if not component.secret_store:  # daprd goes on so, too
        problem = (
            f"`{item.name}` of '{component.name}' stays empty: it refers to secret '{ref.name}', and the "
        )
        problem += "component names no secret store"
        advice = "Add `auth:` with `secretStore:` and the name of a secret store component."
        findings.append(Finding(str(component.path), item.line, problem, advice))
        return item.value or ""
    store = stores.get(component.secret_store)
    if store is None:
        reason, advice = store_missing(component, item, stores)
        raise failure(component, reason, advice, item.line)
    try:
        found = await store.get(ref.name)
    except ComponentError as error:
        reason = f"{wanted} of secret store '{component.secret_store}': {error}"
        raise failure(component, reason, "Put it there, or correct the name.", item.line) from error
    return _key_of(component, item, ref, found, findings)


def _key_of(
    component: Component,
    item: MetadataItem,
    ref: SecretKeyRef,
    found: Mapping[str, str],
    findings: list[Finding],
) -> str:
    place = f"of secret '{ref.name}' in secret store '{component.secret_store}'"
    if ref.key in found:
        if not found[ref.key]:  # so does secretstores.local.env answer for a variable that is not set
            problem = f"`{item.name}` of '{component.name}' is empty, as key '{ref.key}' {place} is"
            findings.append(Finding(str(component.path), item.line, problem))
        return found[ref.key]
    advice = near(ref.key, found) or "Correct `key:`, or add the key to the secret."
    raise failure(
        component, f"`{item.name}` needs key '{ref.key}' {place}, which has no such key", advice, item.line
    )


def _filled(component: Component, item: MetadataItem, value: str, context: ComponentContext) -> str:
    if "{podName}" in value and not context.pod_name:
        reason = f"`{item.name}` contains {{podName}}, but POD_NAME is not set"
        raise failure(component, reason, "Set POD_NAME, or leave the template out.", item.line)
    while "{uuid}" in value:
        value = value.replace("{uuid}", context.new_id(), 1)
    value = value.replace("{podName}", context.pod_name)
    value = value.replace(NAMESPACE, f"{context.namespace}.{context.app_id}")
    return value.replace("{appID}", context.app_id)
