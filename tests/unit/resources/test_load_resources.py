from __future__ import annotations

from pathlib import Path
from textwrap import dedent

import pytest

from outboard.errors import CommandError, ResourceError, ResourcesInvalid
from outboard.resources.component import Component, MetadataItem, SecretKeyRef
from outboard.resources.loader import Resources, load_resources, read_resources
from outboard.wire.subscriptions import BulkSubscribe, Rule, Subscription


def component(name: str, type: str = "state.in-memory", more: str = "", namespace: str = "") -> str:
    return dedent(
        f"""\
        apiVersion: dapr.io/v1alpha1
        kind: Component
        metadata: {{name: {name}, namespace: {namespace or "null"}}}
        spec: {{type: {type}, version: v1}}
        """
    ) + dedent(more)


def write(folder: Path, **files: str) -> Path:
    for name, text in files.items():
        (folder / f"{name}.yaml").write_text(text, encoding="utf-8")
    return folder


def loaded(folder: Path, text: str, app_id: str = "app", namespace: str = "") -> Resources:
    return load_resources([write(folder, a=dedent(text))], app_id, namespace)


def test_a_whole_component(tmp_path: Path) -> None:
    resources = loaded(
        tmp_path,
        """\
        # the broker
        apiVersion: dapr.io/v1alpha1
        kind: Component
        metadata:
          name: kafka-pubsub
          namespace: todo-chatbot
        spec:
          type: pubsub.kafka
          version: v1
          initTimeout: 1m30s
          ignoreErrors: yes
          metadata:
          - name: brokers
            envRef: KAFKA_BROKERS
          - name: authType
            value: none
          - name: saslPassword
            secretKeyRef: {name: kafka, key: password}
          - name: saslUsername
            secretKeyRef: {name: username}
        auth:
          secretStore: secrets
        scopes: [app, other]
        """,
    )

    assert resources == Resources(
        (
            Component(
                name="kafka-pubsub",
                type="pubsub.kafka",
                namespace="todo-chatbot",
                metadata=(
                    MetadataItem("brokers", env="KAFKA_BROKERS", line=13),
                    MetadataItem("authType", "none", line=15),
                    MetadataItem("saslPassword", secret=SecretKeyRef("kafka", "password"), line=17),
                    MetadataItem("saslUsername", secret=SecretKeyRef("username", "username"), line=19),
                ),
                secret_store="secrets",
                scopes=("app", "other"),
                init_timeout=90.0,
                ignore_errors=True,
                path=tmp_path / "a.yaml",
                line=2,
            ),
        )
    )
    assert (resources.components[0].category, str(resources.components[0])) == (
        "pubsub",
        "kafka-pubsub (pubsub.kafka/v1)",
    )


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("text", "text"), ("'30'", "30"), ("30", "30"), ("true", "true"), ("yes", "true"), ("1.50", "1.5"),
        ("0x10", "16"), ("{b: 1, a: [x, 2]}", '{"a":["x",2],"b":1}'), ("''", ""), ("12:30", "12:30"),
    ],
)  # fmt: skip
def test_a_value_that_is_no_string_becomes_its_json(tmp_path: Path, written: str, value: str) -> None:
    resources = loaded(
        tmp_path,
        f"""\
        apiVersion: dapr.io/v1alpha1
        kind: Component
        metadata: {{name: x}}
        spec:
          type: state.in-memory
          metadata:
          - name: item
            value: {written}
        """,
    )

    assert resources.components[0].metadata == (MetadataItem("item", value, line=7),)


def test_no_value_shows_in_the_repr() -> None:
    assert "hunter2" not in repr(MetadataItem("password", "hunter2"))


@pytest.mark.parametrize("timeout", ["", "soon", "-5s", "0s", "5"])
def test_an_init_timeout_that_is_none_is_five_seconds(tmp_path: Path, timeout: str) -> None:
    text = component("x").replace("version: v1", f"initTimeout: '{timeout}'")

    assert loaded(tmp_path, text).components[0].init_timeout == 5.0


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("spec: {type: a.b}", "a.yaml:1: `metadata` is missing"),
        ("metadata: {name: x}", "a.yaml:1: `spec` is missing"),
        ("metadata: {}\nspec: {type: a.b}", "a.yaml:3: `name` is missing"),
        ("metadata: {name: x}\nspec: {version: v1}", "a.yaml:4: `type` is missing"),
        (
            "metadata: {name: x}\nspec: {type: redis}",
            "a.yaml:4: `type: redis` is not of the form category.name",
        ),
        ("metadata: {name: a/b}\nspec: {type: a.b}", "a.yaml:3: component name 'a/b' cannot stand in a URL"),
        ("metadata: {name: on}\nspec: {type: a.b}", "a.yaml:3: unquoted, `on` is the name `true` to daprd"),
        ("metadata: {name: x}\nspec:\n  type: a.b\n  metadata:\n  - value: 1", "a.yaml:7: `name` is missing"),
        ("metadata: {name: x}\nspec:\n  type: a.b\n  metadata: x", "a.yaml:6: `metadata` must be a list"),
    ],
)
def test_an_invalid_component_is_an_error_with_its_place(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(ResourceError) as caught:
        loaded(tmp_path, f"apiVersion: dapr.io/v1alpha1\nkind: Component\n{text}\n")

    assert str(caught.value).removeprefix(str(tmp_path)).lstrip("/\\").startswith(said)


def test_a_syntax_error_in_any_document_is_an_error_with_its_place(tmp_path: Path) -> None:
    with pytest.raises(ResourceError, match=r"a\.yaml:7: not valid YAML: .*Check the indentation"):
        loaded(tmp_path, component("x") + "---\nkind: Component\n   metadata: {}\n")


def test_folders_in_order_then_files_by_name_and_nothing_below(tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    (second / "below").mkdir(parents=True)
    first.mkdir()
    write(first, b=component("b"), a=component("a2") + "---\n" + component("a1"))
    write(second / "below", x=component("hidden"))
    (second / "folder.yaml").mkdir()
    (second / "c.YML").write_text(component("c"), encoding="utf-8")
    (second / "notes.txt").write_text("- [", encoding="utf-8")

    resources = load_resources([first, second], "app")

    assert [each.name for each in resources.components] == ["a2", "a1", "b", "c"]
    (finding,) = resources.findings
    assert str(finding) == f"{second / 'notes.txt'}: not loaded, only .yaml and .yml files are"


@pytest.mark.parametrize("path", ["missing", "a.yaml"])
def test_what_is_no_folder_is_an_error(tmp_path: Path, path: str) -> None:
    write(tmp_path, a=component("a"))

    with pytest.raises(CommandError, match=r"cannot read the resources folder .*--resources-path"):
        load_resources([tmp_path / path], "app")


@pytest.mark.parametrize(
    ("namespace", "expected"),
    [("", ["none", "mine", "other"]), ("mine", ["none", "mine"]), ("third", ["none"])],
)
def test_components_of_another_namespace_are_left_out(
    tmp_path: Path, namespace: str, expected: list[str]
) -> None:
    texts = [component("none"), component("mine", namespace="mine"), component("other", namespace="other")]

    resources = loaded(tmp_path, "---\n".join(texts), namespace=namespace)

    assert [each.name for each in resources.components] == expected


def test_scopes(tmp_path: Path) -> None:
    texts = [
        component("all"),
        component("mine", more="scopes: [app]"),
        component("theirs", more="scopes: [x]"),
    ]

    resources = loaded(tmp_path, "\n---\n".join(texts))

    assert [each.name for each in resources.components] == ["all", "mine"]


def test_two_components_of_one_name_are_an_error_that_names_both_whatever_their_scopes(
    tmp_path: Path,
) -> None:
    write(tmp_path, a=component("same", more="scopes: [x]"), b="\n" + component("same", "pubsub.in-memory"))

    with pytest.raises(ResourceError) as caught:
        load_resources([tmp_path], "app")

    assert str(caught.value).startswith(f"{tmp_path / 'b.yaml'}:2: component name 'same' is taken by")
    assert f"{tmp_path / 'a.yaml'}:1" in str(caught.value)
    existing = "with existing same (state.in-memory/v1)"
    told = f"duplicate definition of Component name same (pubsub.in-memory/v1) {existing}"
    assert caught.value.of_daprd == told


def test_the_same_name_in_another_namespace_is_no_duplicate(tmp_path: Path) -> None:
    texts = [component("x", namespace="a"), component("x", namespace="b")]

    assert len(loaded(tmp_path, "---\n".join(texts), namespace="a").components) == 1


@pytest.mark.parametrize(
    ("text", "warning"),
    [
        (
            "apiVersion: dapr.io/v1alpha1\nkind: Configuration\n",
            "a.yaml:1: not loaded: name the file with `--config ",
        ),
        (
            "apiVersion: dapr.io/v1alpha1\nkind: MCPServer\n",
            "a.yaml:1: not loaded: this sidecar does not",
        ),
        ("apiVersion: dapr.io/v1alpha1\nkind: Componant\n", "Did you mean `Component`?"),
        ("apiVersion: dapr.io/v1\nkind: Component\n", "of a Component is dapr.io/v1alpha1, not `dapr.io/v1`"),
        ("kind: Subscription\n", "of a Subscription is dapr.io/v1alpha1 or dapr.io/v2alpha1, not ``"),
        (
            component("x") + "scope: [app]\n",
            "a.yaml:5: unknown key `scope` is ignored. Did you mean `scopes`?",
        ),
        (
            component("x").replace("version: v1", "version: v1, metadata: [{name: a, vaule: b}]"),
            "a.yaml:4: unknown key `vaule` is ignored. Did you mean `value`?",
        ),
        (
            "apiVersion: dapr.io/v1\n" + component("x"),
            "a.yaml:2: key `apiVersion` is written twice; what it says in line 1 is ignored",
        ),
    ],
)
def test_what_daprd_ignores_silently_is_a_warning(tmp_path: Path, text: str, warning: str) -> None:
    (said,) = map(str, loaded(tmp_path, text).findings)

    assert warning in said


@pytest.mark.parametrize(
    "text",
    [
        "apiVersion: apps/v1\nkind: Deployment\n",
        "- a list\n",
        "a word\n",
        "apiVersion: x.io/v1\nkind: Subscription",
    ],
)
def test_what_is_not_dapr_is_skipped_silently(tmp_path: Path, text: str) -> None:
    assert loaded(tmp_path, text) == Resources()


# Subscriptions


def test_a_subscription_of_version_1(tmp_path: Path) -> None:
    resources = loaded(
        tmp_path,
        """\
        apiVersion: dapr.io/v1alpha1
        kind: Subscription
        metadata: {name: tasks}
        spec:
          pubsubname: kafka-pubsub
          topic: task-events
          route: /events/task
          deadLetterTopic: dead
          metadata: {rawPayload: true}
          bulkSubscribe: {enabled: true, maxMessagesCount: 10, maxAwaitDurationMs: 20}
        """,
    )

    (declared,) = resources.subscriptions
    assert (declared.name, declared.line, resources.findings) == ("tasks", 1, ())
    assert declared.subscription == Subscription(
        "kafka-pubsub", "task-events", (Rule("/events/task"),), "dead", {"rawPayload": "true"},
        BulkSubscribe(True, 10, 20),
    )  # fmt: skip


def subscription(name: str, topic: str, more: str = "") -> str:
    return dedent(
        f"""\
        apiVersion: dapr.io/v2alpha1
        kind: Subscription
        metadata: {{name: {name}, namespace: elsewhere}}
        spec: {{pubsubname: p, topic: {topic}, routes: {{default: /d}}}}
        """
    ) + dedent(more)


def test_a_subscription_of_version_2_keeps_the_order_of_its_rules(tmp_path: Path) -> None:
    resources = loaded(
        tmp_path,
        """\
        apiVersion: dapr.io/v2alpha1
        kind: Subscription
        metadata: {name: tasks}
        spec:
          pubsubname: p
          topic: t
          routes:
            default: /default
            rules:
            - match: event.type == "b"
              path: /b
            - match: event.type == "a"
              path: /a
        """,
    )

    assert resources.subscriptions[0].subscription.rules == (
        Rule("/b", 'event.type == "b"'),
        Rule("/a", 'event.type == "a"'),
        Rule("/default"),
    )


def test_a_subscription_passes_the_namespace_but_not_the_scopes(tmp_path: Path) -> None:
    texts = [subscription("a", "ta"), subscription("b", "tb", "scopes: [x]")]

    resources = loaded(tmp_path, "---\n".join(texts), namespace="here")

    assert [each.name for each in resources.subscriptions] == ["a"]


def test_of_two_subscriptions_of_one_name_the_later_counts_in_its_place(tmp_path: Path) -> None:
    texts = [subscription("a", "old"), subscription("b", "tb"), subscription("a", "new")]

    resources = loaded(tmp_path, "---\n".join(texts))

    assert [each.subscription.topic for each in resources.subscriptions] == ["tb", "new"]


def test_a_subscription_without_route_is_kept(tmp_path: Path) -> None:
    text = subscription("a", "t").replace(", routes: {default: /d}", "")

    assert loaded(tmp_path, text).subscriptions[0].subscription.rules == ()


@pytest.mark.parametrize(
    ("version", "spec", "said"),
    [
        ("v1alpha1", "{topic: t}", ":4: `pubsubname` is missing"),
        ("v1alpha1", "{pubsubname: p}", ":4: `topic` is missing"),
        ("v1alpha1", "{pubsubname: p, topic: t, routes: {default: /}}", "has no `routes`, so no event"),
        ("v2alpha1", "{pubsubname: p, topic: t, route: /}", "has no `route`, so no event"),
        ("v2alpha1", "{pubsubname: p, topic: t, bulkSubscribe: {enabled: maybe}}", "`enabled` must be"),
    ],
)
def test_an_invalid_subscription(tmp_path: Path, version: str, spec: str, said: str) -> None:
    text = f"apiVersion: dapr.io/{version}\nkind: Subscription\nmetadata: {{name: a}}\nspec: {spec}\n"

    with pytest.raises(ResourceError) as caught:
        loaded(tmp_path, text)

    assert said in str(caught.value)


# Resiliency

RESILIENCY = """\
apiVersion: dapr.io/v1alpha1
kind: Resiliency
metadata: {name: r}
spec: {policies: {timeouts: {fast: 1s}}}
"""


def test_resiliency_scopes_and_the_document_that_daprd_would_not_read(tmp_path: Path) -> None:
    resources = loaded(
        tmp_path, component("x") + "---\n" + RESILIENCY + "---\n" + RESILIENCY + "scopes: [x]\n"
    )

    assert [each.timeouts for each in resources.resiliencies] == [{"fast": 1.0}]
    told = [said.problem for said in resources.findings]
    late = [text for text in told if "daprd reads a Resiliency only where it is the first" in text]
    assert len(late) == 2
    assert [text for text in told if text not in late] == ["no target uses policy 'fast' of Resiliency 'r'"]


def test_the_errors_of_all_files_are_told_together(tmp_path: Path) -> None:
    folder = write(
        tmp_path,
        a="spec: [",
        b=component("x", type="state") + "---\n" + component("same") + "---\n" + component("same"),
        c=RESILIENCY.replace("1s", "fast") + "---\n" + component("z").replace("metadata:", "metdata:"),
    )

    findings = read_resources([folder], "app").findings

    errors = [f"{Path(each.file).name}:{each.line}" for each in findings if each.severity == "error"]
    assert errors == [
        "a.yaml:2",
        "b.yaml:4",
        "c.yaml:4",
        "c.yaml:6",
        "b.yaml:11",
    ]
    with pytest.raises(ResourcesInvalid) as caught:
        load_resources([folder], "app")
    assert str(caught.value).count("\n") == 4
    assert [type(error) for error in caught.value.errors] == [ResourceError] * 5


def test_a_misspelled_key_stands_beside_the_error_that_it_makes(tmp_path: Path) -> None:
    folder = write(tmp_path, a=component("x").replace("spec:", "spek:"))

    warning, error = read_resources([folder], "app").findings

    assert "unknown key `spek` is ignored. Did you mean `spec`?" in str(warning)
    assert (warning.severity, error.severity) == ("warning", "error")


def test_a_policy_in_a_file_that_cannot_be_read_is_not_missed(tmp_path: Path) -> None:
    uses = RESILIENCY.replace(
        "policies: {timeouts: {fast: 1s}}", "targets: {components: {x: {inbound: {timeout: fast}}}}"
    )
    folder = write(tmp_path, a=RESILIENCY.replace("1s", "soon"), b=uses)

    (error,) = read_resources([folder], "app").findings

    assert "`fast`: 'soon' is not a duration" in error.problem


def test_all_errors_of_one_component_are_told(tmp_path: Path) -> None:
    text = component("true", type="state").replace(
        "v1}", "v1, metadata: [{value: a}, {name: b}, {value: c}]}"
    )

    findings = read_resources([write(tmp_path, a=text)], "app").findings

    assert [each.problem for each in findings] == [
        "unquoted, `true` is the name `true` to daprd",
        "`name` is missing",
        "`name` is missing",
        "`type: state` is not of the form category.name",
    ]


def test_a_configuration_that_would_change_nothing_is_passed_over_as_by_daprd(tmp_path: Path) -> None:
    text = "apiVersion: dapr.io/v1alpha1\nkind: Configuration\nmetadata: {name: c}\nspec:\n"
    (tmp_path / "observability.yaml").write_text(text + "  tracing: {samplingRate: '1'}\n", encoding="utf-8")
    assert not load_resources([tmp_path], "app").findings
    (tmp_path / "secrets.yaml").write_text(
        text + "  tracing: {}\n  secrets: {scopes: []}\n", encoding="utf-8"
    )
    (finding,) = load_resources([tmp_path], "app").findings
    assert "name the file with `--config" in str(finding)


def test_targets_that_are_no_component_and_policies_that_nobody_uses_are_told(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(
        "apiVersion: dapr.io/v1alpha1\nkind: Component\nmetadata: {name: shop}\n"
        "spec: {type: pubsub.in-memory, version: v1}\nscopes: [other]\n",
        encoding="utf-8",
    )
    (tmp_path / "r.yaml").write_text(
        "apiVersion: dapr.io/v1alpha1\nkind: Resiliency\nmetadata: {name: r}\nspec:\n"
        "  policies:\n    retries: {steady: {}, vain: {}, DefaultRetryPolicy: {}}\n"
        "    timeouts: {quick: 1s}\n"
        "  targets:\n    apps: {web: {timeout: quick}}\n"
        "    components:\n      shop: {inbound: {retry: steady}}\n      shp: {outbound: {}}\n",
        encoding="utf-8",
    )
    file = tmp_path / "r.yaml"
    assert [str(each) for each in load_resources([tmp_path], "app").findings] == [
        f"{file}:12: Resiliency 'r' has a target 'shp', and there is no such component. Did you mean `shop`?",
        f"{file}:6: no target uses policy 'vain' of Resiliency 'r'",
    ]
