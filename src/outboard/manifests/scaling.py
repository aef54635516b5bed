"""Replicas by how far an app is behind on a topic: KEDA's ScaledObject. Pure.

Source: KEDA, "Apache Kafka" scaler.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from outboard.errors import CommandError
from outboard.manifests.system import App, System
from outboard.manifests.text import Manifest, Quoted, Value
from outboard.manifests.workload import metadata

__all__ = ["scaling_manifests"]

MECHANISMS: Final = {"SHA-256": "scram_sha256", "SHA-512": "scram_sha512"}
SECRETS: Final = {"saslUsername": "username", "saslPassword": "password"}
TRUTHY: Final = frozenset({"y", "yes", "true", "t", "on", "1"})
EXACT: Final = "initialOffset"
"""daprd reads this field in exactly this case, and others in any."""


def scaling_manifests(app: App, system: System, resources: Sequence[Manifest]) -> tuple[Manifest, ...]:
    """What scales `app`; `resources` are those of the cluster. Raises CommandError where it cannot."""
    scale = app.settings.scale
    if scale is None:
        return ()
    if app.settings.volume is not None:
        raise CommandError(f"{app.place}: {app.app_id} has one volume, and so one pod", "Remove `scale`.")
    name, fields = _component(app, resources)
    login = _login(name, fields, app, system)
    trigger: dict[str, Value] = {
        "type": "kafka",
        "metadata": {
            "bootstrapServers": Quoted(_reachable(_text(fields, "brokers"), system.namespace)),
            "consumerGroup": Quoted(
                _text(fields, "consumerGroup") or _text(fields, "consumerID") or app.app_id
            ),
            "topic": Quoted(scale.topic),
            "lagThreshold": Quoted(str(scale.lag)),
            "offsetResetPolicy": "earliest" if _text(fields, "initialOffset") == "oldest" else "latest",
            **(_security(fields) if login else {}),
        },
        **({"authenticationRef": {"name": app.app_id}} if login else {}),
    }
    scaled = Manifest(
        {
            "apiVersion": "keda.sh/v1alpha1",
            "kind": "ScaledObject",
            "metadata": metadata(app.app_id, system.namespace),
            "spec": {
                "scaleTargetRef": {"name": app.app_id},
                "minReplicaCount": scale.least,
                "maxReplicaCount": scale.most,
                "triggers": [trigger],
            },
        },
        "More replicas than the topic has partitions would be idle, which KEDA knows.",
    )
    return (*login, scaled)


def _component(app: App, resources: Sequence[Manifest]) -> tuple[str, Mapping[str, Value]]:
    """The name and the metadata by name of the Kafka component that the app's topic is on."""
    wanted = app.settings.scale.pubsub if app.settings.scale else ""
    found = {
        _name(each): _fields(each)
        for each in resources
        if str(_spec(each).get("type")).strip().lower() == "pubsub.kafka"
        and (not wanted or _name(each) == wanted)
    }
    if len(found) != 1:
        told = f"no pubsub.kafka is called {wanted}" if wanted else f"there are {len(found)} of pubsub.kafka"
        raise CommandError(f"{app.place}: `scale` of {app.app_id}: {told}", "Name it: `pubsub:`.")
    return next(iter(found.items()))


def _login(name: str, fields: Mapping[str, Value], app: App, system: System) -> tuple[Manifest, ...]:
    kind = _text(fields, "authType").lower()
    if kind in ("none", ""):
        return ()
    references = {field: fields.get(field.lower()) for field in SECRETS}
    if kind != "password" or not all(isinstance(each, Mapping) for each in references.values()):
        told = f"{app.place}: KEDA cannot log in to {name} with what stands in its metadata"
        raise CommandError(told, "It needs `saslUsername` and `saslPassword` by `secretKeyRef`.")
    targets: list[Value] = [
        {"parameter": SECRETS[field], **each}
        for field, each in references.items()
        if isinstance(each, Mapping)
    ]
    return (
        Manifest(
            {
                "apiVersion": "keda.sh/v1alpha1",
                "kind": "TriggerAuthentication",
                "metadata": metadata(app.app_id, system.namespace),
                "spec": {"secretTargetRef": targets},
            }
        ),
    )


def _security(fields: Mapping[str, Value]) -> Mapping[str, Value]:
    """How it logs in, as the component does: with TLS unless that is switched off."""
    kind = MECHANISMS.get(_text(fields, "saslMechanism"), "plaintext")
    plain = _text(fields, "disableTls").strip().lower() in TRUTHY
    return {"sasl": kind, **({} if plain else {"tls": "enable"})}


def _reachable(brokers: str, namespace: str) -> str:
    """From KEDA's namespace a short name means another host."""
    return ",".join(_whole(each.strip(), namespace) for each in brokers.split(","))


def _whole(address: str, namespace: str) -> str:
    host, colon, port = address.partition(":")
    return address if "." in host else f"{host}.{namespace}.svc.cluster.local{colon}{port}"


def _name(manifest: Manifest) -> str:
    found = manifest.content.get("metadata")
    return str(found.get("name", "")) if isinstance(found, Mapping) else ""


def _spec(manifest: Manifest) -> Mapping[str, Value]:
    found = manifest.content.get("spec")
    return found if isinstance(found, Mapping) else {}


def _fields(manifest: Manifest) -> Mapping[str, Value]:
    """The metadata of a component by name, as daprd compares it: a value, or the reference to a Secret."""
    found: dict[str, Value] = {}
    items = _spec(manifest).get("metadata")
    for each in items if isinstance(items, list) else ():
        if isinstance(each, Mapping):
            name = each.get("name")
            plain = str(getattr(name, "value", name))
            found[_compared(plain)] = each["value"] if "value" in each else each.get("secretKeyRef")
    return found


def _text(fields: Mapping[str, Value], name: str) -> str:
    found = fields.get(_compared(name))
    return str(found) if isinstance(found, str) else ""


def _compared(name: str) -> str:
    return name if name == EXACT else name.lower()
