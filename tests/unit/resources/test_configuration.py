from __future__ import annotations

from pathlib import Path

import pytest

from outboard.errors import CommandError, ResourceError
from outboard.resources.configuration import ApiAccess, ApiLogging, Configuration, SecretScope
from outboard.resources.configuration_reader import load_configuration, read_configuration
from outboard.resources.variables import expand_variables

HEAD = "apiVersion: dapr.io/v1alpha1\nkind: Configuration\nmetadata: {name: c}\n"


def loaded(folder: Path, *specs: str, head: str = HEAD, **environment: str) -> Configuration:
    paths = []
    for index, spec in enumerate(specs):
        paths.append(folder / f"c{index}.yaml")
        paths[-1].write_text(f"{head}{spec}", encoding="utf-8")
    return load_configuration(paths, environment)


def test_without_files_there_are_daprds_defaults() -> None:
    assert load_configuration((), {}) == Configuration()
    assert Configuration().features == ("HotReload", "WorkflowsRemoteActivityReminder")


def test_what_this_sidecar_goes_by(tmp_path: Path) -> None:
    found = loaded(
        tmp_path,
        """\
spec:
  api:
    allowed: [{name: state, version: v1, protocol: HTTP}, {name: publish, version: v1, protocol: grpc}]
    denied: [{name: secrets, version: v1.0, protocol: http}]
  logging: {apiLogging: {enabled: true, obfuscateURLs: true, omitHealthChecks: true}}
  components: {deny: [pubsub.kafka, state.redis/v1]}
  secrets: {scopes: [{storeName: vault, defaultAccess: Deny, allowedSecrets: [a]}]}
  features: [{name: HotReload, enabled: false}, {name: New, enabled: true}]
""",
    )
    assert found == Configuration(
        ApiAccess(frozenset({"v1/state"}), frozenset({"v1.0/secrets"})),
        ApiLogging(enabled=True, obfuscate_urls=True, omit_health_checks=True),
        (SecretScope("vault", "deny", frozenset({"a"})),),
        frozenset({"pubsub.kafka", "state.redis/v1"}),
        ("WorkflowsRemoteActivityReminder", "New"),
        grpc_api=ApiAccess(frozenset({"v1/publish"})),
    )
    assert found.findings == ()


def test_a_later_file_lies_over_an_earlier_one(tmp_path: Path) -> None:
    found = loaded(
        tmp_path,
        "spec: {components: {deny: [a.b]}, logging: {apiLogging: {enabled: true}}}",
        "spec: {components: {deny: [c.d]}, logging: {apiLogging: {obfuscateURLs: true}}}",
    )
    assert found.denied_components == {"c.d"}
    assert found.api_logging == ApiLogging(enabled=True, obfuscate_urls=True)


@pytest.mark.parametrize(
    ("scope", "key", "allowed"),
    [
        (SecretScope("s"), "x", True),
        (SecretScope("s", "deny"), "x", False),
        (SecretScope("s", "deny", frozenset({"x"})), "x", True),
        (SecretScope("s", "allow", frozenset({"y"})), "x", False),
        (SecretScope("s", "allow", frozenset({"x"}), frozenset({"x"})), "x", True),
        (SecretScope("s", "allow", denied=frozenset({"x"})), "x", False),
        (SecretScope("other", "deny"), "x", True),
    ],
)
def test_which_secrets_may_be_read(scope: SecretScope, key: str, allowed: bool) -> None:
    assert Configuration(secret_scopes=(scope,)).may_read("s", key) is allowed


def test_components_are_denied_by_type_or_by_type_and_version_as_they_are_written() -> None:
    configuration = Configuration(denied_components=frozenset({"pubsub.kafka", "state.redis/v2"}))
    assert not configuration.allows_component("pubsub.kafka", "v1")
    assert configuration.allows_component("PUBSUB.kafka", "v1")
    assert configuration.allows_component("state.redis", "v1")
    assert not configuration.allows_component("state.redis", "v2")


@pytest.mark.parametrize(
    ("text", "expanded", "missing"),
    [
        ("a $X b", "a 1 b", ()),
        ("a${X}b", "a1b", ()),
        ("$Xb", "", ("Xb",)),
        ("${NOT}$X", "1", ("NOT",)),
        ("100$ or $ 5", "100$ or $ 5", ()),
    ],
)
def test_variables_are_filled_in(text: str, expanded: str, missing: tuple[str, ...]) -> None:
    assert expand_variables(text, {"X": "1"}) == (expanded, missing)


def test_variables_of_a_file_come_from_the_environment(tmp_path: Path) -> None:
    found = loaded(tmp_path, 'spec: {components: {deny: ["$TYPE", "${NONE}"]}}', TYPE="a.b")
    assert found.denied_components == {"a.b", ""}
    (warning,) = map(str, found.findings)
    assert warning.endswith("c0.yaml: environment variable NONE is not set; it counts as empty")


@pytest.mark.parametrize(
    ("spec", "warning"),
    [
        (
            "spec: {logging: {apilogging: {enabled: true}}}",
            "unknown key `apilogging` is ignored. Did you mean",
        ),
        ("spec: {tracing: {samplingRate: '1'}}", "`tracing` has no effect: this sidecar does not"),
        ("spec: {metric: {rules: []}}", "`rules` has no effect: this sidecar tells its metrics as they are"),
        ("spec: {httpPipeline: {handlers: []}}", "`httpPipeline` has no effect"),
        ("spec: {}\n---\nspec: {}", "c0.yaml:6: not read: only the first document"),
    ],
)
def test_what_has_no_effect_is_told(tmp_path: Path, spec: str, warning: str) -> None:
    (said,) = map(str, loaded(tmp_path, spec).findings)
    assert warning in said


def test_another_kind_is_read_all_the_same_and_told(tmp_path: Path) -> None:
    found = loaded(tmp_path, "spec: {components: {deny: [a.b]}}", head="kind: Component\n")
    assert found.denied_components == {"a.b"}
    assert "its kind is `Component`" in found.findings[0].problem


@pytest.mark.parametrize(
    ("spec", "problem"),
    [
        ("spec: {secrets: {scopes: [{storeName: a}, {storeName: a}]}}", "secret store 'a' has two scopes"),
        (
            "spec: {secrets: {scopes: [{storeName: a, defaultAccess: no}]}}",
            "`defaultAccess: no` is",
        ),
        ("spec: {features: [{name: a, enabled: perhaps}]}", "`enabled` must be `true` or `false`"),
        ("spec: {api: {denied: all}}", "`denied` must be a list"),
    ],
)
def test_what_cannot_be_is_an_error_with_its_line(tmp_path: Path, spec: str, problem: str) -> None:
    with pytest.raises(ResourceError) as raised:
        loaded(tmp_path, spec)
    assert problem in str(raised.value)
    assert raised.value.line == 4


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match=r"--config .*nowhere\.yaml: there is no such file"):
        load_configuration([tmp_path / "nowhere.yaml"], {})


def test_an_empty_file_sets_nothing(tmp_path: Path) -> None:
    assert loaded(tmp_path, "", head="# nothing\n") == Configuration()


def test_all_errors_of_all_files_are_told(tmp_path: Path) -> None:
    wrong = "kind: Configuration\nspec: {components: {deny: x}, features: [{name: a, enabled: perhaps}]}\n"
    paths = [tmp_path / name for name in ("a.yaml", "b.yaml")]
    for path in paths:
        path.write_text(wrong, encoding="utf-8")

    findings = read_configuration(paths, {}).findings

    assert [(Path(each.file).name, each.severity) for each in findings] == [
        ("a.yaml", "error"),
        ("a.yaml", "error"),
        ("b.yaml", "error"),
        ("b.yaml", "error"),
    ]
