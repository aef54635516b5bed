"""daprd and ours beside each other: the same changes of the same files, and what is so afterwards.

Where ours differs on purpose is in the other half: daprd ends, and ours goes on as it was.
"""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from conformance.http1 import Answer, exchange
from conformance.question import Group, Question, Respond, subscribed
from conformance.questions.files import component, documents, subscription_v2
from conformance.sidecars import Program, Running, running

pytestmark = [pytest.mark.anyio, pytest.mark.engine("daprd"), pytest.mark.timeout(240)]

PATIENCE = 30.0
PROGRAMMATIC = subscribed("programmatic")
TOPICS = ("programmatic", "b", "c")


def subscription(name: str, topic: str, route: str, scopes: Sequence[str] = ()) -> str:
    return subscription_v2(name, topic, {"default": route}, scopes=scopes)


def configuration(name: str) -> str:
    return f"apiVersion: dapr.io/v1alpha1\nkind: Configuration\nmetadata: {{name: {name}}}\nspec: {{}}\n"


POLICIES = """\
apiVersion: dapr.io/v1alpha1
kind: Resiliency
metadata: {name: policies}
spec:
  policies: {retries: {twice: {policy: constant, duration: 10ms, maxRetries: 2}}}
  targets: {components: {ps: {inbound: {retry: twice}}}}
"""
PUBSUB = component("ps", "pubsub.in-memory")
STORE = component("store", "state.in-memory")
FOR_ANOTHER = component("store", "state.in-memory", ["another"])
FOR_BOTH = component("store", "state.in-memory", ["another", "conformance"])


@dataclass(frozen=True, slots=True)
class Change:
    """Files are written, and gone where there is no text; then `metadata` is as it says.

    `components` and `subscriptions` are all that there are then, in any order. `routes` are those of the
    declared ones, by topic.
    """

    name: str
    files: Mapping[str, str | None]
    components: frozenset[str] = frozenset({"ps"})
    subscriptions: frozenset[str] = frozenset({"programmatic"})
    resiliencies: frozenset[str] = frozenset()
    routes: Mapping[str, str] = field(default_factory=dict)


CHANGES = (
    Change("a component more", {"store.yaml": STORE}, frozenset({"ps", "store"})),
    Change("out of scope", {"store.yaml": FOR_ANOTHER}),
    Change("in scope", {"store.yaml": FOR_BOTH}, frozenset({"ps", "store"})),
    Change("gone", {"store.yaml": None}),
    Change("no pub/sub component", {"ps.yaml": None}, frozenset()),
    Change("two in one file", {"all.yaml": documents(PUBSUB, STORE)}, frozenset({"ps", "store"})),
    Change("one of them is gone", {"all.yaml": PUBSUB}),
    Change("renamed", {"all.yaml": None, "ps.yaml": PUBSUB}),
    Change(
        "a subscription more",
        {"s.yaml": subscription("s", "b", "/b1")},
        subscriptions=frozenset({"programmatic", "b"}),
        routes={"b": "/b1"},
    ),
    Change(
        "its route",
        {"s.yaml": subscription("s", "b", "/b2")},
        subscriptions=frozenset({"programmatic", "b"}),
        routes={"b": "/b2"},
    ),
    Change(
        "its topic, and one more in its file",
        {"s.yaml": documents(subscription("s", "c", "/c1"), subscription("t", "b", "/b3"))},
        subscriptions=frozenset({"programmatic", "b", "c"}),
        routes={"b": "/b3", "c": "/c1"},
    ),
    Change("not of this app", {"s.yaml": subscription("s", "c", "/c1", ["another"])}),
    Change("no subscription", {"s.yaml": None}),
    Change("policies", {"r.yaml": POLICIES}, resiliencies=frozenset({"policies"})),
    Change("other policies", {"r.yaml": POLICIES.replace("name: policies", "name: others")},
           resiliencies=frozenset({"others"})),
    Change("no policies", {"r.yaml": None}),
)  # fmt: skip


def group(name: str, *files: str, **more: Any) -> Group:
    asked = Question("asked", (), subscriptions=(PROGRAMMATIC,))
    return Group(name, (asked,), {"ps.yaml": PUBSUB}, **more)


def write(sidecar: Running, files: Mapping[str, str | None]) -> None:
    """A file is put in the place of the one that was there, as careful editors do.

    The app tells of its subscriptions once more, to a sidecar that begins anew.
    """
    sidecar.app.prepare({"/dapr/subscribe": [Respond(200, json.dumps([PROGRAMMATIC]).encode())]})
    for name, text in files.items():
        place = sidecar.folder / "resources" / name
        if text is None:
            place.unlink()
        else:
            written = place.with_suffix(".new")
            written.write_text(text, encoding="utf-8")
            os.replace(written, place)


async def metadata(sidecar: Running) -> dict[str, Any]:
    """Empty while it begins anew."""
    answer = await exchange(sidecar.port, "GET", "/v1.0/metadata", b"", {})
    ready = await exchange(sidecar.port, "GET", "/v1.0/healthz", b"", {})
    if not isinstance(answer, Answer) or not isinstance(ready, Answer) or ready.status != 204:
        return {}
    return dict(json.loads(answer.body))


def says(change: Change, told: Mapping[str, Any]) -> bool:
    if not told:
        return False
    routes = {
        each["topic"]: each["rules"][0]["path"]
        for each in told.get("subscriptions", ())
        if each["type"] == "DECLARATIVE"
    }
    return (
        {each["name"] for each in told.get("components", ())} == change.components
        and {each["topic"] for each in told.get("subscriptions", ())} == change.subscriptions
        and {each["name"] for each in told.get("resiliency", told.get("resiliencies", ()))}
        == change.resiliencies
        and routes == change.routes
    )


async def until(sidecar: Running, wanted: Callable[[Mapping[str, Any]], bool]) -> None:
    told: dict[str, Any] = {}
    try:
        async with asyncio.timeout(PATIENCE):
            while not wanted(told := await metadata(sidecar)):
                assert sidecar.process.returncode is None
                await asyncio.sleep(0.05)
    except TimeoutError:
        log = (sidecar.folder / "log").read_text(encoding="utf-8")
        raise AssertionError(f"{sidecar.name} says at last {told}\n{log[-3000:]}") from None


async def eventually(holds: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(PATIENCE):
        while True:
            if await holds():
                return
            await asyncio.sleep(0.05)


async def is_without_component(sidecar: Running) -> bool:
    return sidecar.process.returncode is not None or not (await metadata(sidecar)).get("components")


async def has_logged(sidecar: Running, text: str) -> bool:
    return text in (sidecar.folder / "log").read_text(encoding="utf-8")


async def told_after(sidecar: Running, change: Change) -> Mapping[str, object]:
    """What is so after `change`: the answers, and what the app got."""
    write(sidecar, change.files)
    await until(sidecar, lambda told: says(change, told))
    sidecar.app.forget()
    headers = {"content-type": "application/json"}
    statuses = {}
    for topic in TOPICS:
        answer = await exchange(sidecar.port, "POST", f"/v1.0/publish/ps/{topic}", b'"x"', headers)
        statuses[topic] = answer.status if isinstance(answer, Answer) else None
    paths = {"/programmatic", *change.routes.values()} if "ps" in change.components else set()
    await asyncio.wait_for(sidecar.app.until(paths, len(paths)), PATIENCE)
    state = await exchange(sidecar.port, "POST", "/v1.0/state/store", b'[{"key":"k","value":1}]', headers)
    return {
        "published": statuses,
        "delivered": sorted(each.path for each in sidecar.app.received if not each.path.startswith("/dapr/")),
        "saved": state.status if isinstance(state, Answer) else None,
    }


@asynccontextmanager
async def both(
    programs: tuple[Program, Program], of: Group, folder: Path
) -> AsyncIterator[tuple[Running, Running]]:
    async with (
        running(programs[0], of, folder / "daprd") as real,
        running(programs[1], of, folder / "outboard") as ours,
    ):
        yield real, ours


async def test_the_same_is_so_after_each_change(programs: tuple[Program, Program], tmp_path: Path) -> None:
    async with both(programs, group("changes"), tmp_path) as (real, ours):
        for change in CHANGES:
            theirs, here = await asyncio.gather(told_after(real, change), told_after(ours, change))
            assert here == theirs, change.name


async def test_a_configuration_in_the_folder_makes_both_begin_anew(
    programs: tuple[Program, Program], tmp_path: Path
) -> None:
    async with both(programs, group("configuration"), tmp_path) as sidecars:
        for sidecar in sidecars:
            sidecar.app.forget()
            write(sidecar, {"c.yaml": configuration("other")})
            await asyncio.wait_for(sidecar.app.until({"/dapr/subscribe"}, 1), PATIENCE)
            await until(sidecar, bool)


async def test_neither_reloads_where_the_configuration_does_not_want_it(
    programs: tuple[Program, Program], tmp_path: Path
) -> None:
    off = configuration("off").replace("spec: {}", "spec: {features: [{name: HotReload, enabled: false}]}")
    of = group("off")
    of = Group("off", of.questions, {**of.files, "../off.yaml": off}, flags=("--config={folder}/off.yaml",))
    async with both(programs, of, tmp_path) as sidecars:
        for sidecar in sidecars:
            write(sidecar, {"store.yaml": STORE})
        await asyncio.sleep(2)  # for what should not happen
        for sidecar in sidecars:
            assert [each["name"] for each in (await metadata(sidecar))["components"]] == ["ps"]


MISTAKES = {
    "no YAML": "kind: [",
    "half of a file": PUBSUB[:70],
    "set up in vain": component("store", "state.sqlite"),
    "a name twice": component("ps", "state.in-memory"),
    "a rule that is none": subscription_v2("s", "b", {"rules": [{"match": "event.type ==", "path": "/b"}]}),
}


@pytest.mark.parametrize("mistake", MISTAKES)
async def test_a_mistake_changes_nothing_and_is_told(
    programs: tuple[Program, Program], tmp_path: Path, mistake: str
) -> None:
    async with both(programs, group("mistake"), tmp_path) as (real, ours):
        file = "ps.yaml" if mistake in {"no YAML", "half of a file"} else "more.yaml"
        for sidecar in (real, ours):
            write(sidecar, {file: MISTAKES[mistake]})
        if file == "ps.yaml":  # to daprd the component is gone, or it ends
            await eventually(lambda: is_without_component(real))
        else:
            assert await asyncio.wait_for(real.process.wait(), PATIENCE) == 1
        await eventually(lambda: has_logged(ours, "what was loaded before stays in force"))
        assert await has_logged(ours, f"{file}:")
        assert [each["name"] for each in (await metadata(ours))["components"]] == ["ps"]
        after = Change("mended", {file: PUBSUB if file == "ps.yaml" else None})
        assert (await told_after(ours, after))["delivered"] == ["/programmatic"]
