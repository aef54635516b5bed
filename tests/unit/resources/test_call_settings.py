"""What a Configuration says of calls between apps."""

from __future__ import annotations

from pathlib import Path
from textwrap import indent

import pytest

from outboard.errors import ResourceError
from outboard.resources.configuration import Configuration
from outboard.resources.configuration_reader import load_configuration, read_configuration

START = "apiVersion: dapr.io/v1alpha1\nkind: Configuration\nmetadata: {name: c}\nspec:\n"
POLICY = "policies: [{appId: a, trustDomain: public, namespace: default, defaultAction: allow}]\n"


def written(folder: Path, spec: str) -> Path:
    path = folder / "config.yaml"
    path.write_text(START + indent(spec, "  "), encoding="utf-8")
    return path


def configured(folder: Path, spec: str) -> Configuration:
    return load_configuration([written(folder, spec)], {})


@pytest.mark.parametrize(
    ("access", "refuses"),
    [
        ("accessControl: {}", False),
        ("accessControl: {defaultAction: allow}", False),
        ("accessControl: {defaultAction: ALLOW, trustDomain: public}", False),
        ("accessControl: {defaultAction: deny}", True),
        ("accessControl: {defaultAction: no}", True),
        ("accessControl: {trustDomain: public}", True),
        (f"accessControl:\n  {POLICY}", True),
        (f"accessControl:\n  defaultAction: allow\n  {POLICY}", False),
    ],
)
def test_who_may_call(tmp_path: Path, access: str, refuses: bool) -> None:
    assert configured(tmp_path, access).refuses_calls is refuses


def test_policies_by_app_decide_nothing_without_mtls(tmp_path: Path) -> None:
    path = written(tmp_path, f"accessControl:\n  defaultAction: deny\n  {POLICY}")
    (finding,) = read_configuration([path], {}).findings
    assert "decide nothing: without mTLS" in finding.problem
    assert "`defaultAction` counts (deny)" in finding.problem


@pytest.mark.parametrize("missing", ["appId", "trustDomain", "namespace"])
def test_a_policy_that_daprd_refuses(tmp_path: Path, missing: str) -> None:
    policy = {"appId": "a", "trustDomain": "public", "namespace": "default"}
    told = ", ".join(f"{key}: {value}" for key, value in policy.items() if key != missing)
    with pytest.raises(ResourceError, match=f"has no `{missing}`"):
        configured(tmp_path, f"accessControl:\n  policies: [{{{told}}}]\n")


def test_where_names_are(tmp_path: Path) -> None:
    settings = {"connectionString": "n.db", "updateInterval": "5s"}
    told = ", ".join(f"{key}: {value}" for key, value in settings.items())
    spec = f"nameResolution:\n  component: sqlite\n  configuration: {{{told}}}\n"
    found = configured(tmp_path, spec).name_resolution
    assert found is not None
    assert (found.component, found.settings) == ("sqlite", settings)
    assert configured(tmp_path, "nameResolution: {component: mdns}").name_resolution is None


def test_names_that_are_elsewhere(tmp_path: Path) -> None:
    with pytest.raises(ResourceError, match="`nameResolution: consul` is not served"):
        configured(tmp_path, "nameResolution: {component: consul}")
