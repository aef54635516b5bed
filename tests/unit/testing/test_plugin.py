"""The plugin in runs of pytest of their own: what an author of tests is told of a mistake."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent

import pytest

from outboard import Outboard
from outboard.testing import Harness


def said_of(pytester: pytest.Pytester, folder: Path, text: str) -> str:
    """What pytest says of a test module with this `text` in `folder`."""
    (folder / "test_a.py").write_text(dedent(text), encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        result = pytester.runpytest_inprocess(
            "-q", "--import-mode=importlib", "-p", "no:asyncio", "test_a.py"
        )
    return result.stdout.str() + result.stderr.str()


def test_an_asynchronous_test_without_a_mark_is_told_which_one_it_needs(pytester: pytest.Pytester) -> None:
    ini(pytester.path)
    said = said_of(
        pytester,
        pytester.path,
        """
            import pytest

            async def test_forgotten(outboard): ...

            @pytest.mark.anyio
            async def test_marked(outboard): ...

            def test_plain(outboard): ...

            @pytest.fixture
            def anyio_backend():
                return "asyncio"
        """,
    )
    assert "test_forgotten is an `async def`, and nothing runs it" in said
    assert "pytest.mark.anyio" in said
    assert "Traceback" not in said
    assert "1 failed, 2 passed" in said


@pytest.mark.anyio
@pytest.mark.parametrize("method", ["handled", "retried", "dead_lettered"])
async def test_a_name_in_the_place_of_a_topic(outboard: Harness, method: str) -> None:
    with pytest.raises(TypeError, match=r"topic has to be a Topic, such as what .*, not 'tasks' \(str\)"):
        await getattr(outboard, method)("tasks")


@pytest.mark.parametrize("method", ["published", "deliveries", "dead_letters"])
def test_a_name_in_the_place_of_a_topic_that_is_looked_at(outboard: Harness, method: str) -> None:
    with pytest.raises(TypeError, match="topic has to be a Topic"):
        getattr(outboard, method)("tasks")


@pytest.mark.anyio
async def test_what_cannot_be_served_is_named(outboard: Harness) -> None:
    board, harness = Outboard(environ={}), outboard

    async def app(scope: object, receive: object, send: object) -> None: ...

    for arguments, name in [((board,), "app"), ((app, "board"), "board"), ((app, app), "board")]:
        with pytest.raises(TypeError, match=f"{name} has to be"):
            async with harness.serving(*arguments):  # type: ignore[arg-type]
                pass
    with pytest.raises(TypeError, match="app_id has to be a text"):
        async with harness.serving(app, app_id=7):  # type: ignore[arg-type]
            pass
    with pytest.raises(TypeError, match="board has to be the app's `Outboard`"):
        async with harness.connected(app):  # type: ignore[arg-type]
            pass


RUN_FILE = """\
version: 1
common: {env: {DAPR_PUBSUB_NAME: shop-pubsub}, resourcesPath: ./components}
apps: [{appID: orders, appDirPath: .}]
"""
COMPONENT = """\
apiVersion: dapr.io/v1alpha1
kind: Component
metadata: {name: shop-pubsub}
spec: {type: pubsub.kafka, version: v1}
"""
PUBLISHES = """
    import asyncio
    from outboard import Outboard

    board = Outboard()

    def test_publishing(outboard):
        async def publish():
            async with outboard.connected(board):
                await board.publish("placed", 1)

        asyncio.run(publish())
"""
WRONG_NAME = PUBLISHES.replace("Outboard()", "Outboard(pubsub='shop-pub')")


@pytest.fixture
def shop(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with a run file, pytest's rootdir in a folder `tests` or where a test puts an ini file."""
    monkeypatch.setenv("DAPR_PUBSUB_NAME", "")  # whatever it becomes, it is taken back
    monkeypatch.delenv("DAPR_PUBSUB_NAME")
    tmp_path = pytester.path
    (tmp_path / "components").mkdir()
    (tmp_path / "tests").mkdir()
    (tmp_path / "components" / "pubsub.yaml").write_text(COMPONENT, encoding="utf-8")
    (tmp_path / "dapr.yaml").write_text(RUN_FILE, encoding="utf-8")
    return tmp_path


def ini(folder: Path, *lines: str) -> None:
    (folder / "pytest.ini").write_text("\n".join(["[pytest]", *lines]), encoding="utf-8")


def test_the_run_file_of_the_project_names_the_components(pytester: pytest.Pytester, shop: Path) -> None:
    ini(shop)
    assert "1 passed" in said_of(pytester, shop, PUBLISHES)
    said = said_of(pytester, shop, WRONG_NAME)
    assert "PubSubNotFound: the sidecar has no pub/sub component 'shop-pub'" in said
    assert "shop-pubsub" in said


def test_the_run_file_is_found_above_a_test_up_to_the_rootdir_and_no_further(
    pytester: pytest.Pytester, shop: Path
) -> None:
    ini(shop)
    assert "PubSubNotFound" in said_of(pytester, shop / "tests", WRONG_NAME)
    (shop / "pytest.ini").unlink()
    ini(shop / "tests")
    assert "1 passed" in said_of(pytester, shop / "tests", WRONG_NAME)


def test_an_ini_option_names_another_run_file_or_none(pytester: pytest.Pytester, shop: Path) -> None:
    ini(shop / "tests", "outboard_run_file = ../dapr.yaml")
    assert "PubSubNotFound" in said_of(pytester, shop / "tests", WRONG_NAME)
    ini(shop, "outboard_run_file =")
    assert "1 passed" in said_of(pytester, shop, WRONG_NAME)
    ini(shop, "outboard_run_file = absent.yaml")
    said = said_of(pytester, shop, PUBLISHES)
    assert "absent.yaml, which does not exist" in said
    assert "1 error" in said


def test_folders_of_resources_count_as_they_are_without_a_run_file(
    pytester: pytest.Pytester, shop: Path
) -> None:
    (shop / "own").mkdir()
    own = COMPONENT.replace("shop-pubsub", "shop-pub").replace("pubsub.kafka", "pubsub.in-memory")
    (shop / "own" / "pubsub.yaml").write_text(own, encoding="utf-8")
    ini(shop, "outboard_resources = own")
    assert "1 passed" in said_of(pytester, shop, WRONG_NAME)


@pytest.mark.parametrize(
    ("file", "wrong", "told"),
    [
        ("dapr.yaml", "version: 1\napps:\n  - appID: orders\n", "dapr.yaml:3: "),
        ("dapr.yaml", "version: [1\n", "not valid YAML"),
        ("components/pubsub.yaml", COMPONENT.replace("pubsub.kafka", "kafka"), "pubsub.yaml:4: "),
    ],
)
def test_a_broken_file_is_the_error_of_the_test(
    pytester: pytest.Pytester, shop: Path, file: str, wrong: str, told: str
) -> None:
    ini(shop)
    (shop / file).write_text(wrong, encoding="utf-8")
    said = said_of(pytester, shop, PUBLISHES)
    assert told in said
    assert "1 error" in said
    assert "Traceback" not in said
    assert "plugin.py" not in said
