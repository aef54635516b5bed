"""*Apps* as a browser gets it: names and lines of logs are text, and what changes something is checked."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlencode

import pytest

from outboard.hops.record import HopKind
from outboard.runs.record import RunningApp
from outboard.runs.restarts import ask_restart, is_restart_asked, take_restart
from support.dashboard import BASE, asking, asking_of_runs, hop, known_run, write_hops
from support.processes import free_ports

pytestmark = pytest.mark.anyio

SCRIPT = "<script>alert(1)</script>"
ORIGIN = {"origin": BASE}


def app(app_id: str = "api", **changed: object) -> RunningApp:
    (port,) = free_ports(1)
    return RunningApp(app_id, "/shop", http_port=port, pid=1, **changed)  # type: ignore[arg-type]


async def test_names_and_lines_that_look_like_html_are_text(tmp_path: Path) -> None:
    folder = known_run(tmp_path, app(SCRIPT))
    folder.log(SCRIPT, "app").write_text(f"ERROR: {SCRIPT}\n", encoding="utf-8")
    folder.log(SCRIPT, "sidecar").write_text(f'time="x" level=info msg="{SCRIPT}"\n', encoding="utf-8")
    asked = urlencode({"app": SCRIPT, "topic": SCRIPT, "pubsub": SCRIPT, "text": "alert"})
    async with asking_of_runs(tmp_path) as client:
        for path in (
            "/apps",
            f"/apps/logs?{asked}",
            f"/apps/logs?{asked}&source=sidecar",
            f"/apps/publish?{asked}",
        ):
            answer = await client.get(path)
            assert answer.status_code == 200, path
            assert "<script>alert" not in answer.text, path
            assert "&lt;script&gt;alert(1)&lt;/script&gt;" in answer.text, path


async def test_a_sidecar_that_does_not_answer_is_not_well(tmp_path: Path) -> None:
    known_run(tmp_path, app())
    async with asking_of_runs(tmp_path) as client:
        answer = await client.get("/apps")
    assert "not well" in answer.text
    assert "does not tell" in answer.text


async def test_a_record_by_itself_has_no_apps(tmp_path: Path) -> None:
    async with asking(tmp_path) as client:
        assert "No app is known." in (await client.get("/apps")).text
        logs = (await client.get("/apps/logs?app=api")).text
    assert "No log of api is kept." in logs


async def test_a_log_is_found_by_level_and_text_and_has_no_token(tmp_path: Path) -> None:
    folder = known_run(tmp_path, app())
    folder.write_tokens({"api": {"DAPR_API_TOKEN": "a-very-secret-token"}})
    lines = ["INFO: begins", "ERROR: order 7 failed with a-very-secret-token", "ERROR: order 8 failed"]
    folder.log("api", "app").write_text("\n".join(lines) + "\n", encoding="utf-8")
    async with asking_of_runs(tmp_path) as client:
        answer = await client.get("/apps/logs", params={"app": "api", "level": "error", "text": "Order 7"})
        every = await client.get("/apps/logs", params={"app": "api"})
    assert answer.headers["hx-replace-url"] == "/apps/logs?app=api&source=app&level=error&text=Order+7"
    assert "order 7 failed with ***" in answer.text
    assert "order 8" not in answer.text
    assert "begins" not in answer.text
    assert "begins" in every.text
    assert "a-very-secret" not in every.text


async def test_a_line_that_comes_later_is_shown(tmp_path: Path) -> None:
    file = known_run(tmp_path, app()).log("api", "app")
    file.write_text("first\n", encoding="utf-8")
    async with asking_of_runs(tmp_path) as client:
        assert "second" not in (await client.get("/apps/logs?app=api")).text
        with file.open("a", encoding="utf-8") as opened:
            opened.write("second\n")
        assert "second" in (await client.get("/apps/logs?app=api")).text


async def test_a_restart_asks_the_run_and_tells_when_it_obeys(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, asked = known_run(tmp_path, app()), list[str]()

    def obeyed_at_once(path: Path, app_id: str) -> None:
        ask_restart(path, app_id)
        assert take_restart(folder.path, app_id)
        asked.append(app_id)

    monkeypatch.setattr("outboard.dashboard.pages.apps.ask_restart", obeyed_at_once)
    async with asking_of_runs(tmp_path) as client:
        form = {"run": folder.run_id, "app": "api"}
        answer = await client.post("/apps/restart", data=form, headers={**ORIGIN, "hx-request": "true"})
        plain = await client.post("/apps/restart", data=form, headers=ORIGIN)
    assert asked == ["api", "api"]
    assert "api is started anew" in answer.text
    assert (plain.status_code, plain.headers["location"]) == (303, "/apps")


@pytest.mark.parametrize(
    "headers", [{}, {"origin": "http://evil.example"}, {"origin": BASE, "host": "evil.example"}]
)
async def test_a_restart_from_elsewhere_is_refused(tmp_path: Path, headers: dict[str, str]) -> None:
    folder = known_run(tmp_path, app())
    async with asking_of_runs(tmp_path) as client:
        answer = await client.post(
            "/apps/restart", data={"run": folder.run_id, "app": "api"}, headers=headers
        )
        assert answer.status_code == 403
        client.cookies.clear()
        answer = await client.post("/apps/restart", data={"run": folder.run_id, "app": "api"}, headers=ORIGIN)
        assert answer.status_code == 401
        assert (await client.get("/apps/logs?app=api")).status_code == 401
    assert not is_restart_asked(folder.path, "api")


async def test_a_restart_by_an_address_alone_does_not_exist(tmp_path: Path) -> None:
    folder = known_run(tmp_path, app())
    async with asking_of_runs(tmp_path) as client:
        assert (await client.get(f"/apps/restart?run={folder.run_id}&app=api")).status_code == 405
    assert not is_restart_asked(folder.path, "api")


@pytest.mark.parametrize(
    ("app_id", "told"), [("../api", "There is no app"), ("mine", "Somebody else starts it")]
)
async def test_what_cannot_be_restarted_says_why(tmp_path: Path, app_id: str, told: str) -> None:
    folder = known_run(tmp_path, app(), app("mine", attached=True))
    async with asking_of_runs(tmp_path) as client:
        form = {"run": folder.run_id, "app": app_id}
        answer = await client.post("/apps/restart", data=form, headers=ORIGIN)
    assert answer.status_code == 400
    assert told in answer.text
    assert list(folder.path.glob("*.restart")) == []


async def test_lines_of_logs_that_name_an_event_or_its_trace(tmp_path: Path) -> None:
    folder, trace = known_run(tmp_path, app()), "4bf92f3577b34da6a3ce929d0e0e4736"
    event = hop(HopKind.STORED, "e-17")
    event = event._replace(event=event.event._replace(traceparent=f"00-{trace}-00f067aa0ba902b7-01"))
    write_hops(folder.hops, [event])
    lines = ["INFO: handled e-17", "INFO: handled e-18", f"ERROR: {SCRIPT} in {trace}"]
    folder.log("api", "app").write_text("\n".join(lines) + "\n", encoding="utf-8")
    async with asking_of_runs(tmp_path) as client:
        whole = (await client.get("/apps/lines?id=e-17")).text
        part = (await client.get("/apps/lines?id=e-17", headers={"hx-request": "true"})).text
        page = (await client.get("/event?id=e-17")).text
        nothing = (await client.get("/apps/lines?id=")).text
        client.cookies.clear()
        assert (await client.get("/apps/lines?id=e-17")).status_code == 401
    for shown in (whole, part):
        assert "handled e-17" in shown
        assert "e-18" not in shown
        assert "<script>alert" not in shown
        assert f"&lt;script&gt;alert(1)&lt;/script&gt; in {trace}" in shown
    assert "<html" not in part
    assert 'href="/apps/lines?id=e-17"' in page
    assert "No line that is kept names this event" in nothing
