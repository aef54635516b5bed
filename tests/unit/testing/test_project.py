"""The apps and components of a run file in tests: a wrong name fails there, and not in production."""

from __future__ import annotations

import warnings
from pathlib import Path
from textwrap import dedent

import pytest
from fastapi import FastAPI

from outboard import Event, Outboard, PublishForbidden, PubSubNotFound, StateStoreNotFound
from outboard.errors import CommandError, ResourceError, ResourcesInvalid
from outboard.testing import Harness, NotInProject, NotSubscribed, Project

pytestmark = pytest.mark.anyio

RUN_FILE = """
version: 1
common: {resourcesPath: ./components}
apps:
  - {appID: orders, appDirPath: ./orders}
  - {appID: billing, appDirPath: ./billing}
"""
COMPONENTS = """
apiVersion: dapr.io/v1alpha1
kind: Component
metadata: {name: shop-pubsub}
spec:
  type: pubsub.kafka
  version: v1
  metadata:
    - {name: brokers, secretKeyRef: {name: brokers}}
    - {name: authType, value: none}
    - {name: publishingScopes, value: billing=}
---
apiVersion: dapr.io/v1alpha1
kind: Component
metadata: {name: shop-state}
spec:
  type: state.redis
  version: v1
  metadata: [{name: keyPrefix, value: none}, {name: redisHost, value: "redis:6379"}]
scopes: [orders]
"""


def project_in(folder: Path, run_file: str = RUN_FILE, components: str = COMPONENTS) -> Project:
    for name in ("components", "orders", "billing"):
        (folder / name).mkdir()
    (folder / "dapr.yaml").write_text(run_file, encoding="utf-8")
    (folder / "components" / "shop.yaml").write_text(dedent(components), encoding="utf-8")
    return Project.read(folder / "dapr.yaml")


def board_of(pubsub: str = "shop-pubsub", state_store: str = "shop-state", **more: str) -> Outboard:
    return Outboard(pubsub=pubsub, state_store=state_store, environ={}, **more)  # type: ignore[arg-type]


def app_of(board: Outboard, seen: list[str]) -> FastAPI:
    app = FastAPI(lifespan=board.lifespan)
    board.mount(app)

    @board.topic("placed").subscribe("/placed")
    async def on_placed(event: Event[object]) -> None:
        seen.append(event.id)
        if len(seen) == 1:
            raise ConnectionError

    return app


async def test_components_have_their_names_and_are_in_memory(tmp_path: Path) -> None:
    outboard, board, seen = Harness(project=project_in(tmp_path)), board_of(), list[str]()
    placed = board.topic("placed")
    async with outboard.serving(app_of(board, seen), board, app_id="orders"):
        await placed.publish(1, id="e1", key="k")
        await outboard.handled(placed)
        await board.state(int).save("ana", 1)
        assert await board.state(int).get("ana") == 1
    assert seen == ["e1", "e1"]
    assert [delivery.attempt for delivery in outboard.deliveries(placed)] == [1, 2]


async def test_a_wrong_name_of_a_component_fails(tmp_path: Path) -> None:
    outboard, board = Harness(project=project_in(tmp_path)), board_of("shop-pub", "shop-store")
    async with outboard.connected(board, app_id="orders"):
        with pytest.raises(PubSubNotFound, match="shop-pubsub"):
            await board.publish("placed", 1)
        with pytest.raises(StateStoreNotFound, match="shop-state"):
            await board.state().get("ana")


async def test_a_subscription_to_a_component_that_is_not_there_fails(tmp_path: Path) -> None:
    outboard, board = Harness(project=project_in(tmp_path)), board_of("shop-pub")
    with pytest.raises(NotSubscribed, match=r"orders, by .*'placed' on pubsub 'shop-pub' is not started"):
        async with outboard.serving(app_of(board, []), board, app_id="orders"):
            pass


async def test_scopes_count_for_the_apps_of_the_file(tmp_path: Path) -> None:
    outboard, board = Harness(project=project_in(tmp_path)), board_of()
    async with outboard.connected(board, app_id="billing"):
        with pytest.raises(StateStoreNotFound):
            await board.state().get("ana")
        with pytest.raises(PublishForbidden):
            await board.publish("placed", 1)


async def test_an_app_of_the_tests_own_gets_what_any_app_gets(tmp_path: Path) -> None:
    outboard, board = Harness(project=project_in(tmp_path)), board_of(app_id="tester")
    async with outboard.connected(board):
        await board.publish("placed", 1)
        with pytest.raises(StateStoreNotFound):
            await board.state().get("ana")


async def test_an_app_of_the_files_that_names_no_folder_has_what_its_board_names(tmp_path: Path) -> None:
    run_file = "version: 1\napps: [{appID: orders, appDirPath: ./orders}]\n"
    outboard, board = Harness(project=project_in(tmp_path, run_file)), board_of("any-pubsub", "any-state")
    async with outboard.connected(board):
        await board.publish("placed", 1)
        assert await board.state().get("ana") is None


async def test_an_app_id_that_is_nearly_one_of_the_project_is_told(tmp_path: Path) -> None:
    outboard, board = Harness(project=project_in(tmp_path)), board_of(app_id="biling")
    with pytest.warns(NotInProject, match=r"'biling' is none of .*dapr\.yaml.* Did you mean `billing`\?"):
        async with outboard.connected(board):
            pass


@pytest.mark.parametrize("name", ["billing", "billing-2", "bill", "tester"])
def test_other_app_ids_are_meant(tmp_path: Path, name: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert project_in(tmp_path).app_id(name, None) == name


def test_the_only_app_is_whoever_names_no_id(tmp_path: Path) -> None:
    project = project_in(tmp_path, "version: 1\napps: [{appID: orders, appDirPath: ./orders}]\n")
    assert project.app_id("app", None) == "orders"
    assert project.app_id("tester", None) == "tester"


def routes_in(file: Path) -> FastAPI:
    """An app with one route, whose function stands in `file`."""
    scope: dict[str, object] = {}
    exec(compile("def get(): ...\n", str(file), "exec"), scope)
    app = FastAPI()
    app.get("/")(scope["get"])  # type: ignore[type-var]
    return app


def test_the_app_is_found_by_the_folder_of_its_routes(tmp_path: Path) -> None:
    project = project_in(tmp_path)
    assert project.app_id("app", routes_in(tmp_path / "billing" / "api" / "main.py")) == "billing"
    assert project.app_id("app", routes_in(tmp_path / "elsewhere" / "main.py")) == "app"
    assert project.app_id("app", FastAPI()) == "app"
    assert project.app_id("orders", routes_in(tmp_path / "billing" / "main.py")) == "orders"


def test_an_app_is_not_guessed_where_two_have_one_folder(tmp_path: Path) -> None:
    run_file = RUN_FILE.replace("./billing}", "./orders}")
    project = project_in(tmp_path, run_file)
    assert project.app_id("app", routes_in(tmp_path / "orders" / "main.py")) == "app"


def test_what_is_wrong_is_told_with_file_and_line(tmp_path: Path) -> None:
    with pytest.raises(CommandError):
        Project.read(tmp_path)
    with pytest.raises(ResourceError, match=r"dapr\.yaml:3: "):
        project_in(tmp_path, RUN_FILE.replace("./components", "./nowhere"))
    with pytest.raises(ResourcesInvalid, match=r"shop\.yaml:6: (.|\n)*shop\.yaml:17: "):
        for name in ("components/shop.yaml", "dapr.yaml"):
            (tmp_path / name).unlink()
        for name in ("components", "orders", "billing"):
            (tmp_path / name).rmdir()
        project_in(
            tmp_path, components=COMPONENTS.replace("pubsub.kafka", "kafka").replace("state.redis", "redis")
        )


async def test_a_policy_of_the_project_counts_before_redelivery(tmp_path: Path) -> None:
    policy = """
    ---
    apiVersion: dapr.io/v1alpha1
    kind: Resiliency
    metadata: {name: never}
    spec:
      policies:
        retries:
          DefaultPubsubComponentInboundRetryPolicy: {policy: constant, duration: 5s, maxRetries: 0}
    """
    outboard = Harness(project=project_in(tmp_path, components=COMPONENTS + dedent(policy)))
    board, seen = board_of(), list[str]()
    async with outboard.serving(app_of(board, seen), board, app_id="orders"):
        await board.publish("placed", 1, id="e1")
        await outboard.handled(board.topic("placed"))
    attempts = [delivery.attempt for delivery in outboard.deliveries(board.topic("placed"))]
    assert attempts == [1, 1]  # the policy gave up, and the broker began anew
