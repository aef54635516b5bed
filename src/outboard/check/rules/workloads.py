"""Workloads of Kubernetes: the annotations of their pods. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from outboard.check.apps import TEMPLATES, TRUTHY, PodTemplate
from outboard.check.corpus import Corpus
from outboard.check.document import child, entries, is_placeholder, text
from outboard.check.rule import Edit, Hit, LintRule, Severity, at, at_key
from outboard.check.words import nearest
from outboard.facts.annotations import ANNOTATIONS, CHOICES, FORMER, PREFIX, PROBE_DEFAULTS
from outboard.resources import duration

__all__ = ["RULES"]

SIDECAR_PORTS: Final = {"3500": "HTTP", "50001": "gRPC", "50002": "internal gRPC", "3501": "public"}
LABEL: Final = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?\Z")
LONGEST_APP_ID: Final = 63 - len("-dapr")
QUANTITY: Final = re.compile(r"\d+(\.\d+)?(m|[kKMGTPE]i?|[eE]\d+)?\Z")
FALSY: Final = frozenset({"n", "no", "false", "f", "off", "0", ""})
OF_INJECTOR: Final = frozenset({PREFIX + "sidecar-injected"})
"""What the injector itself writes."""
EVERYWHERE: Final = ("0.0.0.0", "[::]", "::")


def annotations_on_workload(corpus: Corpus) -> Iterator[Hit]:
    for document in corpus.documents:
        if document.is_dapr or document.kind not in TEMPLATES or not TEMPLATES[document.kind]:
            continue
        above = entries(child(document.node, "metadata", "annotations"))
        below = next((each for each in corpus.pod_templates if each.document is document), None)
        for name, node in above.items():
            if name in (PREFIX + "enabled", PREFIX + "app-id") and (
                below is None or name not in below.of_dapr
            ):
                yield at_key(node, f"`{name}` is on the {document.kind}, and not on its pods")


def unknown_annotation(corpus: Corpus) -> Iterator[Hit]:
    for pod in corpus.pod_templates:
        for name, node in pod.of_dapr.items():
            if name in ANNOTATIONS or name in OF_INJECTOR or is_placeholder(name):
                continue
            near = FORMER.get(name) or nearest(name, ANNOTATIONS)
            advice = f"Did you mean `{near}`?" if near else ""
            edits = (Edit(str(node.path), node.key_span, near),) if near else ()
            yield at_key(node, f"Dapr has no annotation `{name}`", advice, edits=edits)


def annotation_not_a_string(corpus: Corpus) -> Iterator[Hit]:
    for pod in corpus.pod_templates:
        for name, node in pod.of_dapr.items():
            plain = isinstance(node.value, bool | int | float)
            if plain and not is_placeholder(node.text):
                edits = (Edit(str(node.path), node.span, f'"{node.text}"'),)
                yield at(
                    node,
                    f"`{name}: {node.text}` is not a string",
                    f'Write `"{node.text}"`.',
                    edits=edits,
                    certain=True,
                )


def invalid_app_id(corpus: Corpus) -> Iterator[Hit]:
    for pod in corpus.dapr_pods:
        node = pod.of_dapr.get(PREFIX + "app-id")
        if node is None:
            yield at(
                pod.place,
                "`dapr.io/app-id` is missing",
                "Add it: the name that other apps call it by.",
                severity=Severity.warning,
            )
        elif not is_placeholder(text(node)) and (
            len(text(node)) > LONGEST_APP_ID or not LABEL.match(text(node))
        ):
            yield at(node, f"`{text(node)}` is not an app id")


def invalid_annotation(corpus: Corpus) -> Iterator[Hit]:
    for pod in corpus.pod_templates:
        for name, node in pod.of_dapr.items():
            value = text(node).strip()
            if not value or is_placeholder(value):
                continue
            if name in CHOICES and value.lower() not in CHOICES[name]:
                yield at(node, f"`{name}` cannot be `{value}`", f"Write one of {', '.join(CHOICES[name])}.")
            elif wanted := _unlike(value, ANNOTATIONS.get(name, "text")):
                yield at(node, f"`{name}: {value}` is not {wanted}", f"Write {wanted}.")


def app_port_of_sidecar(corpus: Corpus) -> Iterator[Hit]:
    for pod in corpus.dapr_pods:
        port = pod.annotation("app-port")
        if port in SIDECAR_PORTS:
            node = pod.of_dapr[PREFIX + "app-port"]
            yield at(node, f"{port} is the sidecar's own port ({SIDECAR_PORTS[port]})")


def app_port_of_no_container(corpus: Corpus) -> Iterator[Hit]:
    for pod in corpus.dapr_pods:
        port, known = pod.annotation("app-port"), pod.container_ports
        if (
            port
            and known
            and port not in known
            and not any(map(is_placeholder, known))
            and port not in SIDECAR_PORTS
        ):
            node = pod.of_dapr[PREFIX + "app-port"]
            yield at(node, f"no container has the port {port}: they have {', '.join(known)}")


def no_port_for_events(corpus: Corpus) -> Iterator[Hit]:
    scoped = {app for each in corpus.subscriptions for app in each.scopes}
    for pod in corpus.dapr_pods:
        if pod.app_id in scoped and PREFIX + "app-port" not in pod.of_dapr:
            yield at(pod.place, f"{pod.app_id} has a subscription, and no `dapr.io/app-port`")


def sidecar_not_enabled(corpus: Corpus) -> Iterator[Hit]:
    for pod in corpus.pod_templates:
        named = pod.of_dapr.get(PREFIX + "app-id")
        if named is not None and PREFIX + "enabled" not in pod.of_dapr:
            yield at_key(named, "`dapr.io/enabled` is missing")


def probe_is_default(corpus: Corpus) -> Iterator[Hit]:
    for pod in corpus.dapr_pods:
        for name, default in PROBE_DEFAULTS.items():
            if pod.annotations.get(name) is not None and text(pod.annotations[name]) == str(default):
                yield at_key(pod.annotations[name], f"`{name}` is {default} anyway")


def probe_too_short(corpus: Corpus) -> Iterator[Hit]:
    """A sidecar whose liveness probe fails before its components are there is started again for ever."""
    for pod in corpus.dapr_pods:
        prefix = f"{PREFIX}sidecar-liveness-probe-"
        delay, period, threshold = (
            _number(pod, prefix + name) for name in ("delay-seconds", "period-seconds", "threshold")
        )
        given = [name for name in PROBE_DEFAULTS if name.startswith(prefix) and name in pod.annotations]
        patience = delay + period * threshold
        if given and patience < 5:
            yield at_key(pod.annotations[given[0]], f"the sidecar is ended {patience} s after its start")


def open_sidecar_on_kubernetes(corpus: Corpus) -> Iterator[Hit]:
    for pod in corpus.dapr_pods:
        listened = pod.annotation("sidecar-listen-addresses")
        if any(each.strip() in EVERYWHERE for each in listened.split(",")) and not pod.annotation(
            "api-token-secret"
        ):
            node = pod.of_dapr[PREFIX + "sidecar-listen-addresses"]
            yield at(node, f"the sidecar's API listens on `{listened}`, and asks for no token")


def _number(pod: PodTemplate, name: str) -> int:
    written = text(pod.annotations.get(name))
    return int(written) if written.isdigit() else PROBE_DEFAULTS[name]


def _unlike(value: str, kind: str) -> str:
    """What `value` is not, although the annotation is of `kind`; empty where it is."""
    match kind:
        case "boolean":
            return "" if value.lower() in TRUTHY | FALSY else '`"true"` or `"false"`'
        case "port":
            return "" if value.isdigit() and int(value) <= 65535 else "a port"
        case "integer":
            return "" if re.fullmatch(r"-?\d+", value) else "a whole number"
        case "quantity":
            return "" if QUANTITY.match(value) else "a quantity, as `100m` or `64Mi`"
        case "duration":
            return "" if _is_duration(value) else "a duration, as `10s`"
    return ""


def _is_duration(value: str) -> bool:
    try:
        duration.parse(value)
    except ValueError:
        return False
    return True


RULES: Final = (
    LintRule(
        "OB601",
        "annotations-on-workload",
        Severity.error,
        "Dapr's annotations are on the workload, and not on its pods",
        "The pods get no sidecar: the injector looks only at the pod template.",
        "Move them to `spec.template.metadata.annotations`.",
        annotations_on_workload,
    ),
    LintRule(
        "OB602",
        "unknown-annotation",
        Severity.warning,
        "An annotation is not known to Dapr",
        "It is ignored silently, and the default counts.",
        "Correct the name.",
        unknown_annotation,
    ),
    LintRule(
        "OB603",
        "annotation-not-a-string",
        Severity.error,
        "The value of an annotation is not a string",
        "Kubernetes refuses the workload: `cannot unmarshal … into … string`.",
        "Put it into quotes.",
        annotation_not_a_string,
    ),
    LintRule(
        "OB604",
        "invalid-app-id",
        Severity.error,
        "An app id is missing, or is not valid",
        "Without one, each pod counts as an app of its own. If `<app id>-dapr` cannot name a Service, the "
        "injector refuses the pod.",
        "Write lower-case letters, digits and `-`, 58 characters at most.",
        invalid_app_id,
    ),
    LintRule(
        "OB605",
        "invalid-annotation",
        Severity.error,
        "An annotation has a value that it cannot have",
        "The injector refuses the pod, or the default counts.",
        "Correct the value.",
        invalid_annotation,
    ),
    LintRule(
        "OB606",
        "app-port-of-sidecar",
        Severity.error,
        "The app's port is one of the sidecar's",
        "The sidecar cannot listen, and ends; or it takes itself for the app.",
        "Write the port that the app listens on.",
        app_port_of_sidecar,
    ),
    LintRule(
        "OB607",
        "app-port-of-no-container",
        Severity.note,
        "No container names the app's port",
        "Where nothing listens on it, the sidecar waits for the app, and delivers nothing.",
        "Write the port that the app listens on, in both places.",
        app_port_of_no_container,
    ),
    LintRule(
        "OB608",
        "no-port-for-events",
        Severity.warning,
        "An app has a subscription, but its pods name no port",
        "No event is delivered to it: the sidecar does not know where it listens.",
        "Add the annotation `dapr.io/app-port`.",
        no_port_for_events,
    ),
    LintRule(
        "OB609",
        "sidecar-not-enabled",
        Severity.warning,
        "Pods have an app id, but no sidecar",
        "The injector leaves the pod as it is.",
        'Add the annotation `dapr.io/enabled: "true"`.',
        sidecar_not_enabled,
    ),
    LintRule(
        "OB610",
        "probe-is-default",
        Severity.note,
        "An annotation of a probe repeats the default",
        "It changes nothing, until Dapr's default changes.",
        "Remove it.",
        probe_is_default,
    ),
    LintRule(
        "OB611",
        "probe-too-short",
        Severity.warning,
        "The liveness probe ends a sidecar before its components have started",
        "A component has 5 s to start. If a broker is slow, Kubernetes restarts the sidecar again and again.",
        "Make the delay, the period or the threshold longer.",
        probe_too_short,
    ),
    LintRule(
        "OB612",
        "open-sidecar-on-kubernetes",
        Severity.warning,
        "The API of a sidecar is open to the cluster, without a token",
        "Whoever reaches the pod can publish, read secrets and change state.",
        "Remove the annotation, or add `dapr.io/api-token-secret`.",
        open_sidecar_on_kubernetes,
    ),
)
