"""Apps that are loaded: what they take and publish, and what is said of one that cannot be loaded."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from outboard.check.apps import RunApp
from outboard.check.inspected import InspectedApp
from outboard.check.inspection.loading import inspect_all, inspect_named
from outboard.check.inspection.target import AppTarget, named_target, target_of_command
from outboard.check.main import make_corpus
from outboard.check.reading import read_paths
from outboard.cli import main
from outboard.errors import CommandError

BOARD = """\
from fastapi import APIRouter, FastAPI
from outboard import Outboard

ORDERS = "orders"
print("an app may print")
board = Outboard(pubsub="pubsub")
orders = board.topic(ORDERS)
invoices = board.topic("invoices", pubsub="other")
router = APIRouter()


@orders.subscribe("/orders", router=router, match='event.type == "new"', bulk=True)
async def on_order(event):
    await invoices.publish({})


async def more(client, name):
    await board.publish(ORDERS, 1)
    await board.topic("letters").publish(2)
    await client.publish_event(pubsub_name="pubsub", topic_name="parcels", data=b"")
    await board.publish(name, 3)


@orders.subscribe("/orders/rest")
def rest(event):
    invoices.sync.publish({})


def create_app():
    app = FastAPI(lifespan=board.lifespan)
    board.mount(app)
    app.include_router(router)
    return app
"""
PLAIN = """\
from fastapi import FastAPI

app = FastAPI()


@app.get("/dapr/subscribe")
def subscriptions():
    return [{"pubsubname": "pubsub", "topic": "plain", "route": "/plain", "deadLetterTopic": "dead"}]
"""
TYPED = """\
from typing import TYPE_CHECKING

from plain import app

if TYPE_CHECKING:
    from nowhere import Settings


def create_app(settings: Settings | None = None):
    return app
"""
SERVES = PLAIN + "\nimport uvicorn\nuvicorn.run(app)\nraise SystemExit('never')\n"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("APP_ID", raising=False)
    for name, text in {"shop": BOARD, "plain": PLAIN, "serves": SERVES, "typed": TYPED}.items():
        (tmp_path / f"{name}.py").write_text(text, encoding="utf-8")
    (tmp_path / "broken.py").write_text("import json\n\njson.loads('{')\n", encoding="utf-8")
    (tmp_path / "ends.py").write_text("raise SystemExit(3)\n", encoding="utf-8")
    return tmp_path


def only(*named: str) -> InspectedApp:
    [app] = inspect_named(named, []).apps
    return app


def test_what_an_app_takes_and_publishes(folder: Path) -> None:
    app = only("shop=shop:create_app")
    assert (app.app_id, app.target) == ("shop", "shop:create_app")
    first, rest = sorted(app.takes, key=lambda each: each.line)
    assert (first.key, first.file, first.line) == (("pubsub", "orders"), "shop.py", 12)
    assert (first.match, first.is_bulk, first.dead_letter) == (('event.type == "new"',), True, "orders-dead")
    assert (rest.match, rest.is_bulk) == ((), False)
    lines = BOARD.splitlines()
    assert {(each.key, lines[each.line - 1].strip()) for each in app.publishes} == {
        (("other", "invoices"), "await invoices.publish({})"),
        (("other", "invoices"), "invoices.sync.publish({})"),
        (("pubsub", "orders"), "await board.publish(ORDERS, 1)"),
        (("pubsub", "letters"), 'await board.topic("letters").publish(2)'),
        (
            ("pubsub", "parcels"),
            'await client.publish_event(pubsub_name="pubsub", topic_name="parcels", data=b"")',
        ),
    }
    assert app.unseen == 1
    assert app.unserved == ()
    assert app.posts is not None
    assert {"/orders", "/orders/rest"} <= set(app.posts)


def test_a_handler_whose_router_is_nowhere(folder: Path) -> None:
    text = BOARD.replace("    app.include_router(router)\n", "")
    (folder / "shop.py").write_text(text, encoding="utf-8")
    assert [each.line for each in only("shop:create_app").unserved] == [12]


def test_a_module_without_an_app_still_tells_its_handlers(folder: Path) -> None:
    app = only("shop")
    assert {each.key for each in app.takes} == {("pubsub", "orders")}
    assert app.app_id == ""


def test_an_app_without_the_kit_is_asked_as_a_sidecar_does(folder: Path) -> None:
    app = only("plain:app")
    assert app.posts == ()
    [topic] = app.takes
    assert (topic.key, topic.dead_letter) == (("pubsub", "plain"), "dead")


def test_an_app_that_serves_when_it_is_imported_does_not(folder: Path) -> None:
    assert [each.topic for each in only("serves").takes] == ["plain"]


def test_a_factory_with_an_annotation_that_only_a_type_checker_knows(folder: Path) -> None:
    if sys.version_info < (3, 14):  # there Python itself evaluates it, and the module cannot be imported
        with pytest.raises(CommandError, match=r"NameError: name 'Settings' .* \(typed.py:9\)"):
            only("typed:create_app")
        postponed = f"from __future__ import annotations\n{TYPED}"
        (folder / "typed.py").write_text(postponed, encoding="utf-8")
    assert [each.topic for each in only("typed:create_app").takes] == ["plain"]


@pytest.mark.parametrize(
    ("named", "said"),
    [
        ("broken:app", r"JSONDecodeError: .* \(broken.py:3\)"),
        ("ends:app", r"SystemExit: 3 \(ends.py:1\)"),
        ("missing:app", "ModuleNotFoundError: No module named 'missing'"),
        ("plain:ap", "module plain has no `ap`"),
        ("plain:subscriptions", "plain:subscriptions is no FastAPI app"),
        ("not a module", "this names no app"),
    ],
)
def test_an_app_that_cannot_be_loaded(folder: Path, named: str, said: str) -> None:
    with pytest.raises(CommandError, match=said):
        inspect_named([named], [])


def test_all_apps_of_a_run_file(folder: Path) -> None:
    resources = "apiVersion: dapr.io/v1alpha1\nkind: Component\nmetadata:\n  name: pubsub\nspec:\n"
    resources += "  type: pubsub.in-memory\n  version: v1\n"
    (folder / "components").mkdir()
    (folder / "components" / "pubsub.yaml").write_text(resources, encoding="utf-8")
    command = "    command: [{}]\n"
    apps = "".join(
        f"  - appID: {name}\n    appDirPath: .\n    appPort: {port}\n" + command.format(words)
        for name, port, words in (
            ("shop", 8000, "uvicorn, 'shop:create_app', --factory"),
            ("plain", 8001, "python, plain.py"),
            ("page", 8002, "node, page.js"),
            ("ill", 8003, "python, -m, broken"),
        )
    )
    text = f"version: 1\ncommon: {{resourcesPath: components}}\napps:\n{apps}"
    (folder / "dapr.yaml").write_text(text, encoding="utf-8")
    corpus, remarks = make_corpus(read_paths([Path()], None), all_apps=True)
    assert [each.app_id for each in corpus.inspected] == ["shop", "plain"]
    assert not corpus.all_inspected
    told = "\n".join(remarks)
    assert "page was not loaded: its command starts no Python module" in told
    assert "ill could not be loaded: JSONDecodeError" in told
    assert "shop publishes in 1 place to a topic that only a run can tell" in told
    found, _ = make_corpus(
        read_paths([Path()], None), apps=["page=plain:app", "ill=plain:app"], all_apps=True
    )
    assert found.all_inspected


def test_the_command(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    component = "apiVersion: dapr.io/v1alpha1\nkind: Component\nmetadata:\n  name: pubsb\nspec:\n"
    (folder / "pubsub.yaml").write_text(component + "  type: pubsub.in-memory\n  version: v1\n", "utf-8")
    with pytest.raises(SystemExit) as ended:
        main(["check", "--app", "plain:app"])
    assert ended.value.code == 1
    out = capsys.readouterr().out
    assert "plain uses" not in out
    assert "plain:app uses the pub/sub component `pubsub`, and there is none [OB801" in out
    assert "The app id of plain:app is not known" in out
    with pytest.raises(SystemExit) as refused:
        main(["check", "--app", "broken:app"])
    assert refused.value.code == 2
    assert "--app broken:app: JSONDecodeError" in capsys.readouterr().err


def test_nothing_is_imported_where_nobody_asks(folder: Path) -> None:
    (folder / "dapr.yaml").write_text(
        "version: 1\napps:\n  - appID: ill\n    appDirPath: .\n    command: [python, -m, broken]\n", "utf-8"
    )
    corpus, remarks = make_corpus(read_paths([Path()], None))
    assert (corpus.inspected, remarks) == ((), ())


@pytest.mark.parametrize(
    ("command", "target"),
    [
        ("uvicorn backend.main:app --port 8000", AppTarget("backend.main", "app")),
        ("python -m uvicorn main:create_app --factory", AppTarget("main", "create_app")),
        ("gunicorn -k uvicorn.workers.UvicornWorker shop:app", AppTarget("shop", "app")),
        ("python3 -m backend", AppTarget("backend")),
        ("/usr/bin/python3.12 app.py", AppTarget("app.py")),
        ("uv run app/main.py", AppTarget("app/main.py")),
        ("fastapi run main.py", AppTarget("main.py")),
        ("node app.js", None),
        ("dotnet run", None),
        ("./server --listen 0.0.0.0:8000", None),
        ("", None),
    ],
)
def test_the_module_of_a_command(command: str, target: AppTarget | None) -> None:
    assert target_of_command(command.split()) == target


def test_an_app_that_is_named() -> None:
    assert named_target("backend.main:app") == AppTarget("backend.main", "app")
    assert named_target("my-shop=shop") == AppTarget("shop", "", "my-shop")
    assert named_target("shop:create_app()") == AppTarget("shop", "create_app")
    assert named_target("a b") is None


def test_the_app_of_a_run_file_that_is_meant(folder: Path) -> None:
    (folder / "dapr.yaml").write_text(
        "version: 1\napps:\n  - appID: till\n    appDirPath: .\n    command: [python, -m, plain]\n", "utf-8"
    )
    corpus, _ = make_corpus(read_paths([Path()], None), apps=["plain:app"])
    assert [(each.app_id, each.node is not None) for each in corpus.inspected] == [("till", True)]
    assert isinstance(corpus.run_apps[0], RunApp)
    assert inspect_all([]).apps == ()


def test_a_handler_that_no_app_serves_and_whose_topic_nobody_kept(folder: Path) -> None:
    text = BOARD.replace("@orders.subscribe(", "@board.topic(ORDERS).subscribe(")
    text = text.replace("orders = board.topic(ORDERS)\n", "")
    (folder / "shop.py").write_text(text, encoding="utf-8")
    assert only("shop:create_app").unserved == ()
    (folder / "shop.py").write_text(text.replace("    app.include_router(router)\n", ""), encoding="utf-8")
    assert [each.line for each in only("shop:create_app").unserved] == [11]
