"""What is said of the files of a run before it starts: what is worse than a note, and nothing twice."""

from __future__ import annotations

from pathlib import Path

import pytest

from outboard.check.starting import findings_before
from outboard.resources.finding import Finding
from outboard.run.plan.plan import AppPlan, RunPlan

COMPONENTS = """\
apiVersion: dapr.io/v1alpha1
kind: Component
metadata:
  name: pubsub
spec:
  type: pubsub.redis
  version: v1
  metadata:
    - name: redisHosst
      value: localhost:6379
---
apiVersion: dapr.io/v1alpha1
kind: Subscription
metadata:
  name: orders
spec:
  pubsubname: pubsb
  topic: orders
  route: /orders
"""


@pytest.fixture
def plan(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RunPlan:
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "components"
    (folder / "deeper").mkdir(parents=True)
    (folder / "all.yaml").write_text(COMPONENTS, encoding="utf-8")
    (folder / "deeper" / "no.yaml").write_text(COMPONENTS, encoding="utf-8")
    sidecar = ("--app-id", "shop", "--resources-path", str(folder))
    app = AppPlan("shop", tmp_path, (), 8000, "127.0.0.1", 3500, 50001, sidecar, "dapr.yaml:3")
    return RunPlan((app,))


def told(found: list[Finding]) -> list[tuple[str, int, str]]:
    return [(Path(each.file).as_posix(), each.line, each.severity) for each in found]


def test_what_is_worse_than_a_note_is_told_with_its_rule(plan: RunPlan) -> None:
    found = findings_before(plan, [])
    assert told(found) == [
        ("components/all.yaml", 8, "error"),
        ("components/all.yaml", 9, "warning"),
        ("components/all.yaml", 17, "warning"),
    ]
    assert "there is no pub/sub component `pubsb` [OB705 unknown-pubsub]" in str(found[-1])
    assert "Did you mean `pubsub`?" in str(found[-1])


def test_of_lines_that_run_tells_of_itself_nothing_is_said(plan: RunPlan, tmp_path: Path) -> None:
    file = str(tmp_path / "components" / "all.yaml")
    said = [Finding(file, 8, "it is needed"), Finding(file, 9, "it is unknown")]
    assert told(findings_before(plan, said)) == [("components/all.yaml", 17, "warning")]


def test_settings_of_the_project_count(plan: RunPlan, tmp_path: Path) -> None:
    settings = tmp_path / "pyproject.toml"
    settings.write_text('[tool.outboard.check]\nignore = ["OB705"]\n', encoding="utf-8")
    assert [line for _, line, _ in told(findings_before(plan, []))] == [8, 9]
    settings.write_text('[tool.outboard.check]\nseverity = "error"\n', encoding="utf-8")
    assert [line for _, line, _ in told(findings_before(plan, []))] == [8]


def test_settings_that_cannot_be_read_do_not_keep_from_a_start(plan: RunPlan, tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text("[tool.outboard.check]\nignor = 1\n", encoding="utf-8")
    [finding] = findings_before(plan, [])
    assert "`outboard check` cannot look" in finding.problem
    assert "ignor" in finding.problem


def test_of_a_resource_that_run_tells_of_nothing_more_is_said(plan: RunPlan, tmp_path: Path) -> None:
    said = [Finding(str(tmp_path / "components" / "all.yaml"), 1, "component 'pubsub' cannot be set up")]
    assert told(findings_before(plan, said)) == [("components/all.yaml", 17, "warning")]
