"""Run files (`dapr.yaml`): keys, ports, paths. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from outboard.check.apps import RunApp
from outboard.check.corpus import Corpus, RunFile
from outboard.check.document import child, text
from outboard.check.rule import Hit, LintRule, Severity, at
from outboard.resources.node import Node, Span

__all__ = ["RULES"]

HTTP_PORT: Final = 3500
GRPC_PORT: Final = 50001
PORT_KEYS: Final = ("appPort", "daprHTTPPort", "daprGRPCPort", "daprInternalGRPCPort", "metricsPort")
EVERYWHERE: Final = ("0.0.0.0", "::", "[::]", "*")
TOKEN: Final = "DAPR_API_TOKEN"


def invalid_run_file(corpus: Corpus) -> Iterator[Hit]:
    for file in corpus.run_files:
        if file.error is not None:
            line = file.error.line
            elsewhere = not file.is_placed and "does not exist" in file.error.problem
            yield Hit(
                file.error.path,
                Span(line, 1, line, 1),
                file.error.problem,
                file.error.advice,
                Severity.note if elsewhere else None,
            )
    for source in corpus.files:
        if source.is_named_run_file and not (source.documents or source.errors or source.unread):
            fix = "Start it with `version: 1` and list the apps under `apps:`."
            yield Hit(source.name, Span(), "no app is described here", fix)


def unknown_run_key(corpus: Corpus) -> Iterator[Hit]:
    for file in corpus.run_files:
        for each in file.findings:
            yield Hit(each.file, Span(each.line, 1, each.line, 1), each.problem, each.advice)


def app_port_is_sidecars(corpus: Corpus) -> Iterator[Hit]:
    for app in corpus.run_apps:
        own = {name: app.settings.get(name) for name in ("dapr-http-port", "dapr-grpc-port")}
        if not app.port:
            continue
        for name, default in (("dapr-http-port", HTTP_PORT), ("dapr-grpc-port", GRPC_PORT)):
            if app.port == (own[name] or default):
                whose = f"`{name}`" if own[name] else f"the usual `{name}`"
                yield at(_place(app, "appPort"), f"`appPort: {app.port}` is {whose} of the sidecar")


def port_used_twice(corpus: Corpus) -> Iterator[Hit]:
    for file in corpus.run_files:
        first: dict[str, tuple[str, Node]] = {}
        for app in file.apps:
            for key in PORT_KEYS:
                node = child(app.node, key)
                if node is None or not text(node).isdigit() or int(text(node)) == 0:
                    continue
                whose, there = first.setdefault(text(node), (app.app_id, node))
                if there is not node and (whose != app.app_id or key != "appPort"):
                    yield at(
                        node, f"port {text(node)} is `{there.key}` of {whose} already, in line {there.line}"
                    )


def no_app_port(corpus: Corpus) -> Iterator[Hit]:
    for file in corpus.run_files:
        for app in file.apps:
            wanted = [each for each in _subscriptions(corpus, file, app) if app.app_id in each]
            if not app.port and wanted:
                yield at(app.node, f"{app.app_id} has a subscription, and no `appPort`")


def open_sidecar(corpus: Corpus) -> Iterator[Hit]:
    for app in corpus.run_apps:
        listened = str(app.settings.get("dapr-listen-addresses", ""))
        if any(each.strip() in EVERYWHERE for each in listened.split(",")) and not app.environment.get(TOKEN):
            node = child(app.node, "apiListenAddresses") or app.node
            yield at(node, f"the sidecar's API listens on `{listened}`, and asks for no token")


def component_in_subfolder(corpus: Corpus) -> Iterator[Hit]:
    folders = {folder for app in corpus.run_apps for folder in app.resources}
    for component in corpus.components:
        group = component.document.group
        nearest_folder = next(
            (each for each in folders if group != each and group.startswith(each.rstrip("/") + "/")), ""
        )
        if nearest_folder and group not in folders and component.type_node is not None:
            yield at(component.type_node, f"it lies below `{nearest_folder}`, and not in it")


def _place(app: RunApp, key: str) -> Node:
    return child(app.node, key) or app.node


def _subscriptions(corpus: Corpus, file: RunFile, app: RunApp) -> Iterator[tuple[str, ...]]:
    for each in corpus.subscriptions:
        if each.group in app.resources:
            yield each.scopes


RULES: Final = (
    LintRule(
        "OB501",
        "invalid-run-file",
        Severity.error,
        "A run file cannot be used",
        "`outboard run` and `dapr run -f` end before anything is started.",
        "Correct it.",
        invalid_run_file,
    ),
    LintRule(
        "OB502",
        "unknown-run-key",
        Severity.warning,
        "A run file has a key that is not known",
        "It is ignored silently.",
        "Correct the key.",
        unknown_run_key,
    ),
    LintRule(
        "OB503",
        "app-port-is-sidecars",
        Severity.warning,
        "The app's port is one of the sidecar's",
        "The second one to start cannot listen: the sidecar calls itself, or ends.",
        "Give the app a port of its own, for example 8000.",
        app_port_is_sidecars,
    ),
    LintRule(
        "OB504",
        "port-used-twice",
        Severity.error,
        "Two apps have the same port",
        "The second one cannot listen.",
        "Give each a port of its own.",
        port_used_twice,
    ),
    LintRule(
        "OB505",
        "no-app-port",
        Severity.warning,
        "An app has a subscription, but no port",
        "No event is delivered to it: the sidecar does not know where it listens.",
        "Add `appPort`.",
        no_app_port,
    ),
    LintRule(
        "OB506",
        "open-sidecar",
        Severity.warning,
        "The API of a sidecar is open to the network, without a token",
        "Whoever reaches the machine can publish, read secrets and change state.",
        "Listen on `127.0.0.1`, or set `DAPR_API_TOKEN` under `env`.",
        open_sidecar,
    ),
    LintRule(
        "OB507",
        "component-in-subfolder",
        Severity.note,
        "A component lies in a subfolder of a folder of resources",
        "daprd reads only the files directly in the folder, and does not load this one.",
        "Move it up, or name its folder under `resourcesPaths`.",
        component_in_subfolder,
    ),
)
