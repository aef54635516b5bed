"""*Components* and *Doctor* as a browser gets them, of a run whose apps do not answer."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from outboard.check.baseline import write_baseline
from outboard.check.main import check_paths
from outboard.check.settings import read_settings
from outboard.runs.record import RunningApp
from support.dashboard import asking, asking_of_runs, known_run
from support.processes import free_ports

pytestmark = pytest.mark.anyio

SCRIPT = "<script>alert(1)</script>"
WRONG = """\
apiVersion: dapr.io/v1alpha1
kind: Component
metadata: {name: events}
spec:
  type: "pubsub.<script>alert(1)</script>"
  version: v1
  metadata: [{name: password, value: very-secret-word}]
"""


def app(tmp_path: Path, app_id: str = "api") -> RunningApp:
    folder = tmp_path / "components"
    folder.mkdir(exist_ok=True)
    (folder / "pubsub.yaml").write_text(WRONG, encoding="utf-8")
    (port,) = free_ports(1)
    return RunningApp(app_id, str(tmp_path), http_port=port, resources_paths=(str(folder),))


async def whole_walk(client: httpx.AsyncClient, path: str, word: str) -> str:
    """The page once the walk that it begins has come to its end, which takes its turns in this loop."""
    async for page in pages(client, path):
        if word in page:
            return page
    raise AssertionError


async def pages(client: httpx.AsyncClient, path: str) -> AsyncIterator[str]:
    while True:
        yield (await client.get(path)).text


async def test_the_doctor_says_at_which_hop_events_stay(tmp_path: Path) -> None:
    known_run(tmp_path, app(tmp_path, SCRIPT))
    async with asking_of_runs(tmp_path) as client:
        first = (await client.get("/doctor")).text
        assert "Looking around" in first
        assert "still to come" in first
        page = await whole_walk(client, "/doctor", "Events stay at: the sidecar.")
    assert "Fix:" in page
    assert "not looked into, for an earlier hop is broken" in page
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page


async def test_components_show_what_is_wrong_in_their_files_as_text_and_without_secrets(
    tmp_path: Path,
) -> None:
    known_run(tmp_path, app(tmp_path))
    async with asking_of_runs(tmp_path) as client:
        page = (await client.get("/components")).text
        file = tmp_path / "components" / "pubsub.yaml"
        assert "At run time:" in page
        assert f"{file}:" in page
        file.write_text(WRONG.replace("password", "region"), encoding="utf-8")
        mended = (await client.get("/components")).text
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert "very-secret-word" not in page
    assert "OB121" in page
    assert "OB121" not in mended


async def test_what_the_baseline_of_the_project_has_is_left_out_as_the_command_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    known_run(tmp_path, app(tmp_path))
    settings = tmp_path / "pyproject.toml"
    baseline = tmp_path / "known.json"
    monkeypatch.chdir(tmp_path)
    _, report = check_paths([Path("components")], read_settings(tmp_path), tmp_path)
    write_baseline(baseline, report.places)
    monkeypatch.undo()
    async with asking_of_runs(tmp_path) as client:
        assert "OB121" in (await client.get("/components")).text
        settings.write_text('[tool.outboard.check]\nbaseline = "known.json"\n', encoding="utf-8")
        assert "OB121" not in (await client.get("/components")).text
        baseline.write_text('{"findings": []}', encoding="utf-8")
        assert "OB121" in (await client.get("/components")).text
        baseline.write_text("none", encoding="utf-8")
        assert "is no baseline" in (await client.get("/components")).text
        baseline.unlink()
        assert "cannot be read" in (await client.get("/components")).text


async def test_a_record_by_itself_has_neither(tmp_path: Path) -> None:
    async with asking(tmp_path) as client:
        assert "There is no run that the doctor could look at." in (await client.get("/doctor")).text
        assert "No component is known." in (await client.get("/components")).text


@pytest.mark.parametrize("path", ["/doctor", "/components", "/doctor/stream", "/components/stream"])
async def test_nobody_else_sees_them(tmp_path: Path, path: str) -> None:
    known_run(tmp_path, app(tmp_path))
    async with asking_of_runs(tmp_path) as client:
        assert (await client.get(path, headers={"origin": "http://evil.example"})).status_code == 403
        assert (await client.get(path, headers={"host": "evil.example"})).status_code == 403
        assert (await client.get(path, headers={"sec-fetch-site": "cross-site"})).status_code == 403
        client.cookies.clear()
        assert (await client.get(path)).status_code == 401
