"""What the command does besides serving."""

from __future__ import annotations

import io
import stat
import sys
from pathlib import Path

import pytest

from outboard.errors import CommandError
from outboard.sidecar.metadata.service import RUNTIME_VERSION
from outboard.sidecar.process.main import run

pytestmark = pytest.mark.anyio


async def output_of(*arguments: str) -> tuple[int, str]:
    output = io.StringIO()
    return await run(arguments, {}, output), output.getvalue()


async def test_versions() -> None:
    assert await output_of("--version") == (0, f"{RUNTIME_VERSION}\n")
    code, text = await output_of("-build-info")
    assert code == 0
    assert text.startswith(f"Version: {RUNTIME_VERSION} (outboard ")


async def test_the_log_goes_to_the_file_that_is_named(tmp_path: Path) -> None:
    log = tmp_path / "sidecar.log"
    log.write_text("before\n", encoding="utf-8")
    missing = tmp_path / "nowhere.yaml"
    flags = ["--app-id=api", "--dapr-http-port=0", "--app-port=1", f"--log-file={log}", f"--config={missing}"]
    assert await output_of(*flags) == (1, "")
    first, *rest = log.read_text(encoding="utf-8").splitlines()
    assert first == "before"
    assert "Fatal error from runtime" in rest[0]
    assert f"{missing}: there is no such file" in rest[0].replace("\\\\", "\\")


@pytest.mark.skipif(sys.platform == "win32", reason="files have no owner's permissions there")
async def test_a_new_log_file_is_for_its_owner_alone(tmp_path: Path) -> None:
    log = tmp_path / "sidecar.log"
    await output_of("--app-id=api", f"--log-file={log}", f"--config={tmp_path / 'nowhere.yaml'}")
    assert stat.S_IMODE(log.stat().st_mode) == 0o600


async def test_a_log_file_that_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match=r"--log-file .* cannot be written"):
        await output_of("--app-id=api", f"--log-file={tmp_path / 'nowhere' / 'x.log'}")


async def test_every_error_of_the_files_is_a_line_of_the_log(tmp_path: Path) -> None:
    config = tmp_path / "config.yaml"
    config.write_text("kind: Configuration\nspec: {components: {deny: x}}\n", encoding="utf-8")
    resources = tmp_path / "resources"
    resources.mkdir()
    for name in ("a", "b"):
        (resources / f"{name}.yaml").write_text("kind: [", encoding="utf-8")

    code, log = await output_of(
        "--app-id=api",
        "--dapr-http-port=0",
        "--app-port=1",
        f"--config={config}",
        f"--resources-path={resources}",
    )

    told = [line for line in log.splitlines() if "Fatal error from runtime" in line]
    assert code == 1
    assert ["config.yaml:2" in told[0], "a.yaml" in told[1], "b.yaml" in told[2]] == [True] * 3
    assert len(told) == 3


@pytest.mark.parametrize("broken", ["configuration", "components"])
async def test_the_exit_code_is_settled_before_the_log_says_that_it_cannot_go_on(
    broken: str, tmp_path: Path
) -> None:
    """Whoever reads that line may end the process at once."""
    named = "kind: Component\napiVersion: dapr.io/v1alpha1\nmetadata: {name: a}\n"
    (tmp_path / "a.yaml").write_text(
        f"{named}spec: {{type: state.in-memory, version: v1}}\n---\n"
        f"{named}spec: {{type: pubsub.in-memory, version: v1}}\n",
        encoding="utf-8",
    )
    wrong = {
        "configuration": f"--config={tmp_path / 'nowhere.yaml'}",
        "components": f"--resources-path={tmp_path}",
    }
    output, told = io.StringIO(), list[str]()

    code = await run(
        ["--app-id=api", wrong[broken]], {}, output, settled=lambda: told.append(output.getvalue())
    )

    assert code == 1
    assert len(told) == 1
    assert "Fatal error" not in told[0]
    assert "Fatal error" in output.getvalue()
