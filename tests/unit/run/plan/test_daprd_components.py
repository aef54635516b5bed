"""What is said about components before daprd is started."""

from __future__ import annotations

from pathlib import Path

import pytest

from outboard.errors import ResourceError
from outboard.run.plan.daprd import daprd_arguments
from outboard.run.plan.daprd_components import check_components
from outboard.run.plan.plan import AppPlan, RunPlan


def component(folder: Path, type_name: str, name: str = "pubsub", more: str = "") -> Path:
    folder.mkdir(exist_ok=True)
    file = folder / f"{name}.yaml"
    text = f"# why\napiVersion: dapr.io/v1alpha1\nkind: Component\nmetadata: {{name: {name}}}\n"
    file.write_text(f"{text}spec: {{type: {type_name}, version: v1}}\n{more}", encoding="utf-8")
    return file


def plan(*app_ids: str, folder: Path) -> RunPlan:
    apps = (
        AppPlan(
            app_id=app_id,
            directory=folder,
            command=("x",),
            app_port=0,
            app_host="127.0.0.1",
            http_port=3500,
            grpc_port=50001,
            sidecar=daprd_arguments(app_id, {"resources-path": (str(folder),), "enable-profiling": True}),
            origin="dapr.yaml:1",
        )
        for app_id in app_ids
    )
    return RunPlan(tuple(apps), Path("daprd"))


def test_a_component_of_outboard_alone_is_refused_with_file_and_line(tmp_path: Path) -> None:
    file = component(tmp_path, "pubsub.sqlite")
    with pytest.raises(ResourceError) as caught:
        check_components(plan("api", folder=tmp_path))
    assert (caught.value.path, caught.value.line) == (str(file), 2)
    assert "Run without `--engine daprd`, or swap the components: `--resources FOLDER`" in str(caught.value)


def test_a_component_that_is_scoped_to_another_app_is_no_problem(tmp_path: Path) -> None:
    component(tmp_path, "pubsub.sqlite", more="scopes: [other]\n")
    assert check_components(plan("api", folder=tmp_path)) == []


def test_components_that_this_sidecar_does_not_serve_are_daprds_business(tmp_path: Path) -> None:
    component(tmp_path, "pubsub.rabbitmq")
    component(tmp_path, "bindings.cron", "cron")
    assert check_components(plan("api", "worker", folder=tmp_path)) == []


@pytest.mark.parametrize("type_name", ["pubsub.in-memory", "state.in-memory"])
def test_memory_that_several_apps_do_not_share_is_told(tmp_path: Path, type_name: str) -> None:
    file = component(tmp_path, type_name)
    (text,) = check_components(plan("api", "worker", folder=tmp_path))
    assert text.startswith(f"{file}:2: each daprd has a {type_name} of its own, so api and worker do not see")
    assert check_components(plan("api", folder=tmp_path)) == []


def test_a_file_that_cannot_be_read_is_told_before_daprd_passes_over_it(tmp_path: Path) -> None:
    (tmp_path / "broken.yaml").write_text("a: [", encoding="utf-8")
    with pytest.raises(ResourceError, match=r"broken\.yaml"):
        check_components(plan("api", folder=tmp_path))
