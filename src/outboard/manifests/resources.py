"""Dapr's resources as a cluster gets them: in the namespace, scoped, and without a secret in them. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Final

from outboard.errors import CommandError
from outboard.facts.catalogue import Catalogue, FieldFacts
from outboard.gojson.values import Json
from outboard.manifests.secrecy import has_password, is_secret_value, secret_key, secret_name
from outboard.manifests.system import LoadedResource, SecretNeeded, System
from outboard.manifests.text import Manifest, Noted, Quoted, Value

__all__ = ["KAFKA_ADDRESS", "REDIS_ADDRESS", "ClusterResources", "cluster_resources"]

KAFKA_ADDRESS: Final = "kafka-broker:9092"
REDIS_ADDRESS: Final = "redis:6379"
LOCAL: Final = ("pubsub.sqlite", "state.sqlite", "pubsub.in-memory", "state.in-memory")
"""What keeps its data in a file or in the memory of one sidecar: no two pods would share it."""
LOCAL_SECRETS: Final = "secretstores.local."
NAME: Final = re.compile(r"[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?\Z")
BUILT_IN: Final = "kubernetes"
ORDER: Final = ("Configuration", "Component", "HTTPEndpoint", "Subscription", "Resiliency")
ADDRESSES: Final = frozenset({"host", "hosts", "url", "connectionstring", "natsurl", "couchbaseurl"})
"""Fields that may hold a password, and need not."""
BOOLEANS: Final = frozenset({"enabled"})
INTEGERS: Final = frozenset(
    {"maxRetries", "maxRequests", "circuitBreakerCacheSize", "maxMessagesCount", "maxAwaitDurationMs"}
)
TO_TRY_WITH: Final[Mapping[str, Mapping[str, str]]] = {
    "kafka": {"brokers": KAFKA_ADDRESS},
    "redis": {"redishost": REDIS_ADDRESS, "redispassword": ""},
}
"""The addresses of what there is to try with, by the name behind the dot of a component's type, and by field.

Fields are in lower case, since daprd reads these in any."""


@dataclass(frozen=True, slots=True)
class ClusterResources:
    """The documents, and the Secrets that they name."""

    manifests: tuple[Manifest, ...]
    secrets: tuple[SecretNeeded, ...]


@dataclass(slots=True)
class _Secrets:
    """Collects what is to be created. `store` is where the resource has its secrets; empty: in Kubernetes."""

    needed: list[SecretNeeded]
    store: str = ""

    def reference(self, name: str, key: str) -> dict[str, Value]:
        """The reference of the author's, as it is to be written."""
        return {"name": name, "key": key} if self.store else self._created(name, key)

    def moved(self, resource: LoadedResource, name: str) -> dict[str, Value]:
        """The reference to what stood in the resource. Raises CommandError where it is not to be created."""
        if self.store:
            told = f"{resource.place}: `{name}` of {resource.name} is a secret in plain text"
            raise CommandError(told, f"Put it into {self.store}, and write `secretKeyRef`.")
        return self._created(resource.name, name)

    def _created(self, name: str, key: str) -> dict[str, Value]:
        self.needed.append(SecretNeeded(secret_name(name), (secret_key(key),)))
        return {"name": secret_name(name), "key": secret_key(key)}


def cluster_resources(system: System, catalogue: Catalogue) -> ClusterResources:
    """All resources of the system. Raises CommandError for what cannot be in a cluster."""
    local_stores = frozenset(each.name for each in system.resources if each.type.startswith(LOCAL_SECRETS))
    wanted = [each for each in _each_once(system.resources) if not each.type.startswith(LOCAL_SECRETS)]
    needed: list[SecretNeeded] = []
    manifests = []
    for each in sorted(wanted, key=lambda each: ORDER.index(each.kind)):
        store = str(_mapping(each.content.get("auth")).get("secretStore", ""))
        kept = "" if store == BUILT_IN or store in local_stores else store
        manifests.append(_manifest(each, system, catalogue, _Secrets(needed, kept)))
    return ClusterResources(tuple(manifests), tuple(needed))


def _each_once(resources: Iterable[LoadedResource]) -> list[LoadedResource]:
    """Those of one kind and name are one, if they say the same."""
    found: dict[tuple[str, str], LoadedResource] = {}
    for each in resources:
        if each.kind not in ORDER:
            raise CommandError(f"{each.place}: a {each.kind} is not known", "Apply it by itself.")
        if each.type in LOCAL:
            advice = (
                "Name a folder of resources for the cluster: --resources, or `resourcesPath` of x-kubernetes."
            )
            raise CommandError(f"{each.place}: {each.type} is for one machine alone", advice)
        if not NAME.match(each.name):
            told = f"{each.place}: `{each.name}` is no name for Kubernetes"
            raise CommandError(told, "Write lower-case letters, digits, `-` and `.`.")
        there = found.setdefault((each.kind, each.name), each)
        if there.content != each.content:
            told = f"{each.place}: {each.kind} {each.name} is another one than that of {there.place}"
            raise CommandError(told, "In a namespace there is one of a name: rename one of them.")
        found[each.kind, each.name] = replace(there, apps=tuple(dict.fromkeys((*there.apps, *each.apps))))
    return list(found.values())


def _manifest(
    resource: LoadedResource,
    system: System,
    catalogue: Catalogue,
    secrets: _Secrets,
) -> Manifest:
    content = resource.content
    spec = _mapping(content.get("spec"))
    made: dict[str, Value] = {
        "apiVersion": str(content.get("apiVersion", "")),
        "kind": resource.kind,
        "metadata": _metadata(content, system.namespace),
    }
    if secrets.store:
        made["auth"] = {"secretStore": secrets.store}
    if resource.kind == "Component":
        made["spec"] = _component_spec(resource, spec, system, catalogue, secrets)
    elif resource.kind == "HTTPEndpoint":
        made["spec"] = _endpoint_spec(resource, spec, system, secrets)
    elif resource.kind == "Configuration":
        made["spec"] = _configuration_spec(resource, spec, system, secrets)
    else:
        made["spec"] = {key: _typed(key, each) for key, each in spec.items()}
    if resource.kind != "Configuration":
        scopes = content.get("scopes")
        named = [str(each) for each in scopes] if isinstance(scopes, list) and scopes else resource.apps
        made["scopes"] = list(named)
    return Manifest(made)


def _metadata(content: Mapping[str, Json], namespace: str) -> Value:
    metadata = _mapping(content.get("metadata"))
    kept = {key: _value(each) for key, each in metadata.items() if key in ("labels", "annotations")}
    return {"name": str(metadata.get("name", "")), "namespace": namespace, **kept}


def _component_spec(
    resource: LoadedResource,
    spec: Mapping[str, Json],
    system: System,
    catalogue: Catalogue,
    secrets: _Secrets,
) -> Value:
    facts = catalogue.find(resource.type, str(spec.get("version", "")))
    items = spec.get("metadata")
    metadata = [
        _item(each, resource, system, facts.field(str(each.get("name", ""))) if facts else None, secrets)
        for each in (items if isinstance(items, list) else [])
        if isinstance(each, Mapping)
    ]
    rest = {key: _value(each) for key, each in spec.items() if key not in ("type", "version", "metadata")}
    version = str(spec.get("version", "")) or "v1"
    return {"type": str(spec.get("type", "")), "version": version, **rest, "metadata": metadata}


def _endpoint_spec(
    resource: LoadedResource, spec: Mapping[str, Json], system: System, secrets: _Secrets
) -> Value:
    made = {key: _value(each) for key, each in spec.items() if key not in ("headers", "clientTLS")}
    headers = spec.get("headers")
    if isinstance(headers, list):
        made["headers"] = [
            _item(each, resource, system, None, secrets) for each in headers if isinstance(each, Mapping)
        ]
    if isinstance(tls := spec.get("clientTLS"), Mapping):
        made["clientTLS"] = {
            name: _without_name(_item({"name": name, **each}, resource, system, _secret_field(name), secrets))
            if isinstance(each, Mapping)
            else _value(each)
            for name, each in tls.items()
        }
    return made


def _configuration_spec(
    resource: LoadedResource, spec: Mapping[str, Json], system: System, secrets: _Secrets
) -> Value:
    """The headers of OpenTelemetry's collector may be secrets."""
    otel = _mapping(_mapping(spec.get("tracing")).get("otel"))
    headers = otel.get("headers")
    if not isinstance(headers, list):
        return _value(spec)
    items: list[Value] = [
        _item(each, resource, system, None, secrets) for each in headers if isinstance(each, Mapping)
    ]
    made = {key: _value(each) for key, each in otel.items() if key != "headers"}
    tracing = {key: _value(each) for key, each in _mapping(spec.get("tracing")).items() if key != "otel"}
    rest = {key: _value(each) for key, each in spec.items() if key != "tracing"}
    return {**rest, "tracing": {**tracing, "otel": {**made, "headers": items}}}


def _secret_field(name: str) -> FieldFacts:
    return FieldFacts(name, sensitive=name == "privateKey")


def _without_name(item: Mapping[str, Value]) -> Mapping[str, Value]:
    return {key: value for key, value in item.items() if key != "name"}


def _item(
    item: Mapping[str, Json],
    resource: LoadedResource,
    system: System,
    facts: FieldFacts | None,
    secrets: _Secrets,
) -> dict[str, Value]:
    """One item of metadata, whose value stands here, in a Secret, or was in a variable of the laptop."""
    name = str(item.get("name", ""))
    named: Value = Noted(name, resource.notes[name]) if name in resource.notes else name
    reference = item.get("secretKeyRef")
    if isinstance(reference, Mapping) and reference.get("name"):
        store = str(reference["name"])
        return {"name": named, "secretKeyRef": secrets.reference(store, str(reference.get("key") or store))}
    value = _literal(item)
    variable = str(item.get("envRef", ""))
    if variable and not value:
        value = _of_variable(variable, name, resource, system)
    if value is None or _is_secret(name, value, facts):
        if value is None and not (facts is not None and facts.sensitive):
            advice = f"Give it with --set {variable}=..., or below `values` of x-kubernetes."
            raise CommandError(
                f"{resource.place}: `{name}` of {resource.name} is in the variable {variable}", advice
            )
        return {"name": named, "secretKeyRef": secrets.moved(resource, name)}
    return {"name": named, "value": Quoted(value)}


def _literal(item: Mapping[str, Json]) -> str | None:
    """What is no text counts as its JSON, as for daprd."""
    value = item.get("value")
    if value is None:
        return "" if "value" in item or "envRef" not in item else None
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _of_variable(variable: str, name: str, resource: LoadedResource, system: System) -> str | None:
    """What a variable is in the cluster; None where nobody says so."""
    if variable in system.settings.values:
        return system.settings.values[variable]
    broker = resource.type.rpartition(".")[2]
    return TO_TRY_WITH[broker].get(name.lower()) if broker in system.settings.to_try_with else None


def _is_secret(name: str, value: str, facts: FieldFacts | None) -> bool:
    if not value or has_password(value):
        return bool(value)
    if facts is None:
        return is_secret_value(name, value)
    return facts.sensitive and name.lower() not in ADDRESSES


def _mapping(value: Json | None) -> Mapping[str, Json]:
    return value if isinstance(value, Mapping) else {}


def _typed(key: str, value: Json) -> Value:
    """A value of a Subscription or a Resiliency, of the type that the API server insists on."""
    if isinstance(value, Mapping):
        return {str(name): _typed(str(name), each) for name, each in value.items()}
    if isinstance(value, list):
        return [_typed(key, each) for each in value]
    if value is None or (isinstance(value, bool) and key in BOOLEANS):
        return value
    if key in INTEGERS and str(value).lstrip("-").isdigit():
        return int(value)
    return value if isinstance(value, str) else Quoted(json.dumps(value))


def _value(value: Json | Mapping[str, Json]) -> Value:
    if isinstance(value, Mapping):
        return {str(key): _value(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_value(each) for each in value]
    return Quoted(value) if isinstance(value, float) else value  # a float never stands in a resource
