"""What is to be deployed is read from files, before a deployment."""

from __future__ import annotations

from pathlib import Path

import pytest

from outboard.doctor.cluster_evidence import SecretReference
from outboard.doctor.kubernetes.manifests import read_manifests
from outboard.errors import ResourceError

COMPONENT = """\
apiVersion: dapr.io/v1alpha1
kind: Component
metadata: {name: kafka-pubsub%s}
spec:
  type: pubsub.kafka
  version: v1
  metadata:
    - {name: saslPassword, secretKeyRef: {name: kafka-login, key: password}}
"""
SECRET = "apiVersion: v1\nkind: Secret\nmetadata: {name: kafka-login}\nstringData: {password: open-sesame}\n"


def test_components_and_secrets_of_a_folder_are_read(tmp_path: Path) -> None:
    (tmp_path / "component.yaml").write_text(COMPONENT % "", encoding="utf-8")
    (tmp_path / "secret.yml").write_text(f"# first\n---\n{SECRET}", encoding="utf-8")
    (tmp_path / "README.md").write_text("no: manifest: at all", encoding="utf-8")
    found = read_manifests([tmp_path], "todo")
    (component,) = found.components
    assert (component.name, component.namespace, component.type) == ("kafka-pubsub", "todo", "pubsub.kafka")
    assert component.secret_references == (SecretReference("saslPassword", "kafka-login", "password"),)
    (secret,) = found.secrets
    assert (secret.name, secret.namespace, secret.exists, secret.keys) == (
        "kafka-login", "todo", True, ("password",),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("namespace", "count"), [("", 1), (", namespace: todo", 1), (", namespace: other", 0)]
)
def test_what_is_for_another_namespace_is_left_out(tmp_path: Path, namespace: str, count: int) -> None:
    file = tmp_path / "component.yaml"
    file.write_text(COMPONENT % namespace, encoding="utf-8")
    assert len(read_manifests([file], "todo").components) == count


def test_the_items_of_a_list_are_read(tmp_path: Path) -> None:
    file = tmp_path / "list.yaml"
    items = "\n".join(f"    {line}" for line in SECRET.splitlines()).replace("    ", "  - ", 1)
    file.write_text(f"apiVersion: v1\nkind: List\nitems:\n{items}\n", encoding="utf-8")
    assert [each.name for each in read_manifests([file], "todo").secrets] == ["kafka-login"]


@pytest.mark.parametrize("text", ["", "just text", "- 1", "kind: Component", "kind: Secret\nmetadata: []"])
def test_what_is_no_manifest_is_passed_over(tmp_path: Path, text: str) -> None:
    file = tmp_path / "some.yaml"
    file.write_text(text, encoding="utf-8")
    found = read_manifests([file], "todo")
    assert (found.components, found.secrets) == ((), ())


def test_what_is_no_yaml_is_told_with_its_line(tmp_path: Path) -> None:
    file = tmp_path / "some.yaml"
    file.write_text("kind: Secret\n  metadata: {", encoding="utf-8")
    with pytest.raises(ResourceError, match=r"some\.yaml"):
        read_manifests([file], "todo")
    with pytest.raises(ResourceError, match="cannot be read"):
        read_manifests([tmp_path / "absent.yaml"], "todo")
