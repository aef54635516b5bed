"""Whether a sidecar starts, and how it ends."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from conformance.question import Ask, Group, ask
from conformance.questions.cel import REFUSED
from conformance.questions.files import component, documents, resiliency, subscription_v1, subscription_v2

__all__ = ["STARTS", "Start"]

PUBSUB = component("ps", "pubsub.in-memory")
METADATA = (ask("GET", "/v1.0/metadata"),)


@dataclass(frozen=True, slots=True)
class Start:
    """Start a sidecar; if it gets ready, ask, and if told so wait for its end, after a signal or by itself.

    Compared are whether it gets ready, the answers and the exit code.
    """

    name: str
    rows: tuple[str, ...]
    files: Mapping[str, str] = field(default_factory=lambda: {"components.yaml": PUBSUB})
    flags: tuple[str, ...] = ()
    asks: tuple[Ask, ...] = METADATA
    environment: Mapping[str, str] = field(default_factory=dict)
    ends: bool = False
    signalled: bool = False

    @property
    def group(self) -> Group:
        return Group(f"start-{self.name}", (), self.files, self.flags, self.environment, app=False)


def with_files(name: str, row: str, *texts: str, asks: tuple[Ask, ...] = METADATA) -> Start:
    return Start(name, (row,), {"resources.yaml": documents(*texts)}, asks=asks)


def with_flags(name: str, row: str, *flags: str) -> Start:
    return Start(name, (row,), flags=flags)


def shutdown(name: str, **headers: str) -> Start:
    return Start(
        name, ("shutdown: shutdown API",), asks=(ask("POST", "/v1.0/shutdown", **headers),), ends=True
    )


def ignoring(text: str) -> str:
    return text.replace('"version": "v1"', '"version": "v1", "ignoreErrors": true')


STARTS = (
    with_files("no-files", "start: start"),
    with_files(
        "bad-rule-in-file",
        "declared: bad CEL",
        PUBSUB,
        subscription_v2("s", "t", {"rules": [{"match": "event.type ==", "path": "/x"}]}),
    ),
    *(
        with_files(
            f"cel-refused-{number}",
            "declared: bad CEL",
            PUBSUB,
            subscription_v2("s", "t", {"rules": [{"match": expression, "path": "/x"}]}),
        )
        for number, expression in enumerate(REFUSED)
    ),
    with_files("unknown-component", "components: unknown type", component("x", "pubsub.unknown")),
    with_files("unknown-category", "components: unknown type", component("x", "nothing.at-all")),
    with_files("type-in-upper-case", "component: type", component("x", "PubSub.In-Memory")),
    with_files("type-half-in-upper-case", "component: type", component("x", "pubsub.In-Memory")),
    with_files(
        "component-order",
        "metadata: fields",
        component("s", "state.in-memory"),
        PUBSUB,
        component("e", "secretstores.local.env"),
        component("t", "state.in-memory"),
    ),
    with_files(
        "no-type",
        "component: type",
        "apiVersion: dapr.io/v1alpha1\nkind: Component\nmetadata: {name: x}\nspec: {version: v1}",
    ),
    with_files("version-0", "component: version", component("x", "pubsub.in-memory").replace('"v1"', '"v0"')),
    with_files(
        "version-none",
        "component: version",
        component("x", "pubsub.in-memory").replace('"version": "v1", ', ""),
    ),
    with_files("version-9", "component: version", component("x", "pubsub.in-memory").replace('"v1"', '"v9"')),
    with_files("same-name-twice", "components: same name", PUBSUB, component("ps", "state.in-memory")),
    with_files(
        "key-prefix-illegal", "state keys: keyPrefix", component("s", "state.in-memory", keyPrefix="a||b")
    ),
    with_files("sqlite-without-place", "state.sqlite: connectionString", component("s", "state.sqlite")),
    with_files(
        "sqlite-bad-place",
        "state.sqlite: connectionString",
        component("s", "state.sqlite", connectionString="{folder}/no/such/folder/x.db"),
    ),
    with_files(
        "sqlite-bad-table",
        "state.sqlite: tableName",
        component("s", "state.sqlite", connectionString="{folder}/x.db", tableName="a b"),
    ),
    with_files(
        "secrets-file-missing",
        "secret stores: local.file",
        component("f", "secretstores.local.file", secretsFile="{folder}/none.json"),
    ),
    with_files(
        "secrets-file-unnamed", "secret stores: local.file", component("f", "secretstores.local.file")
    ),
    with_files(
        "errors-ignored",
        "components: ignoreErrors",
        PUBSUB,
        ignoring(component("f", "secretstores.local.file", secretsFile="{folder}/none.json")),
    ),
    with_files(
        "errors-ignored-type", "components: ignoreErrors", PUBSUB, ignoring(component("x", "pubsub.unknown"))
    ),
    with_files(
        "secret-store-absent",
        "component: secretKeyRef",
        PUBSUB,
        "apiVersion: dapr.io/v1alpha1\n"
        "kind: Component\n"
        "metadata: {name: parked}\n"
        "auth: {secretStore: nowhere}\n"
        "spec: {type: pubsub.in-memory, version: v1, "
        "metadata: [{name: a, secretKeyRef: {name: x, key: y}}]}",
        asks=(*METADATA, ask("POST", "/v1.0/publish/parked/t", {})),
    ),
    with_files(
        "secret-unnamed-store",
        "component: secretKeyRef",
        PUBSUB,
        "apiVersion: dapr.io/v1alpha1\n"
        "kind: Component\n"
        "metadata: {name: parked}\n"
        "spec: {type: pubsub.in-memory, version: v1, "
        "metadata: [{name: a, secretKeyRef: {name: x, key: y}}]}",
    ),
    Start(
        "secret-and-env-values",
        ("component: secretKeyRef", "component: envRef"),
        {
            "resources.yaml": documents(
                component("env", "secretstores.local.env"),
                "apiVersion: dapr.io/v1alpha1\n"
                "kind: Component\n"
                "metadata: {name: by-secret}\n"
                "auth: {secretStore: env}\n"
                "spec: {type: state.sqlite, version: v1, "
                'metadata: [{name: connectionString, value: "{folder}/x.db"}, {'
                "name: keyPrefix, secretKeyRef: {name: PREFIX, key: PREFIX}}]}",
                "apiVersion: dapr.io/v1alpha1\n"
                "kind: Component\n"
                "metadata: {name: by-env}\n"
                "spec: {type: state.sqlite, version: v1, "
                'metadata: [{name: connectionString, value: "{folder}/x.db"}, {'
                "name: keyPrefix, envRef: PREFIX}]}",
                component("plain", "state.sqlite", connectionString="{folder}/x.db", keyPrefix="none"),
            )
        },
        asks=(
            ask("POST", "/v1.0/state/by-secret", [{"key": "a", "value": 1}]),
            ask("POST", "/v1.0/state/by-env", [{"key": "b", "value": 2}]),
            *(
                ask("GET", f"/v1.0/state/plain/{prefix}%7C%7C{key}")
                for prefix in ("mine", "conformance")
                for key in "ab"
            ),
        ),
        environment={"PREFIX": "mine"},
    ),
    with_files(
        "templates",
        "component: templates",
        component("s", "state.sqlite", connectionString="{folder}/x.db", keyPrefix="{appID}-x"),
        asks=(ask("POST", "/v1.0/state/s", [{"key": "a", "value": 1}]), ask("GET", "/v1.0/state/s/a")),
    ),
    with_files(
        "pod-name-missing",
        "component: templates",
        component("s", "state.sqlite", connectionString="{folder}/{podName}.db"),
    ),
    with_files(
        "other-kinds",
        "files: other documents",
        PUBSUB,
        "apiVersion: dapr.io/v1alpha1\nkind: Unknown\nmetadata: {name: x}",
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}",
    ),
    with_files(
        "not-yaml",
        "files: unreadable document",
        PUBSUB,
        "apiVersion: dapr.io/v1alpha1\nkind: Component\nmetadata: [",
        component("later", "state.in-memory"),
    ),
    with_files(
        "bad-resiliency",
        "resiliency: unknown policy",
        PUBSUB,
        resiliency("r", {}, {"ps": {"inbound": {"retry": "unknown"}}}),
    ),
    with_files(
        "item-twice",
        "component: metadata",
        component("s", "state.sqlite", connectionString="{folder}/x.db").replace(
            "]", ', {"name": "connectionString", "value": "{folder}/y.db"}]'
        ),
    ),
    with_files(
        "route-of-other-version",
        "declared: v2alpha1",
        PUBSUB,
        subscription_v1("s", "t", "/t").replace("v1alpha1", "v2alpha1"),
    ),
    Start(
        "secret-absent",
        ("component: secretKeyRef",),
        {
            "../secrets.json": '{"there": "x"}',
            "resources.yaml": documents(
                component("file", "secretstores.local.file", secretsFile="{folder}/secrets.json"),
                "apiVersion: dapr.io/v1alpha1\n"
                "kind: Component\n"
                "metadata: {name: ps}\n"
                "auth: {secretStore: file}\n"
                "spec: {type: pubsub.in-memory, version: v1, "
                "metadata: [{name: consumerID, secretKeyRef: {name: absent, key: absent}}]}",
            ),
        },
    ),
    with_files("declared-without-pubsub", "declared: v1alpha1", subscription_v1("s", "t", "/t")),
    with_flags("dot-in-app-id", "flags: app-id", "--app-id=a.b"),
    with_flags("empty-app-id", "flags: app-id", "--app-id="),
    with_flags("unknown-flag", "flags: unknown flag", "--no-such-flag=1"),
    with_flags("single-dash", "flags: single dash", "-log-as-json"),
    with_flags("flag-and-value", "flags: single dash", "--max-body-size", "8Mi"),
    with_flags("bad-number", "flags: values", "--app-health-threshold=many"),
    with_flags("bad-boolean", "flags: values", "--enable-app-health-check=maybe"),
    with_flags("bad-size", "flags: max-body-size", "--max-body-size=large"),
    with_flags("bad-protocol", "flags: app-protocol", "--app-protocol=smtp"),
    with_flags("protocol-in-upper-case", "flags: app-protocol", "--app-protocol=HTTP"),
    with_flags("bad-log-level", "flags: log-level", "--log-level=loud"),
    with_flags("bad-block-duration", "flags: values", "--dapr-block-shutdown-duration=soon"),
    with_flags("bad-init-endpoint", "discovery: disable-init-endpoints", "--disable-init-endpoints=other"),
    with_flags("no-such-config", "configuration: missing file", "--config={folder}/none.yaml"),
    with_flags("no-such-resources", "files: missing folder", "--resources-path={folder}/none"),
    Start(
        "default-addresses",
        ("flags: dapr-listen-addresses",),
        flags=("--dapr-listen-addresses=",),
        asks=(replace(METADATA[0], elsewhere=True),),
    ),
    with_flags("port-twice", "flags: port clash", "--dapr-http-port=0"),
    with_flags("grpc-port-twice", "flags: port clash", "--dapr-grpc-port=0"),
    with_flags(
        "inert-flags",
        "flags: inert flags",
        "--placement-host-address=",
        "--scheduler-host-address=",
        "--enable-mtls=false",
        "--enable-profiling=false",
        "--sentry-address=",
        "--profile-port=0",
        "--read-buffer-size=8Ki",
    ),
    with_flags(
        "old-size-flags",
        "flags: max-body-size",
        "--dapr-http-max-request-size=1",
        "--dapr-http-read-buffer-size=8",
    ),
    shutdown("shutdown"),
    shutdown("shutdown-forced", dapr_force_shutdown="true"),
    shutdown("shutdown-not-forced", dapr_force_shutdown="no"),
    Start("signalled", ("shutdown: signals",), ends=True, signalled=True),
)
