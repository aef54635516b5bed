"""Whose requests the dashboard takes."""

from __future__ import annotations

import pytest

from outboard.dashboard.security.access import AccessRules

OWN = "127.0.0.1:8420"


def refusal(method: str = "GET", names: frozenset[str] = frozenset(), /, **headers: str) -> str:
    said = {"host": OWN} | {name.replace("_", "-"): value for name, value in headers.items()}
    return AccessRules(names).refusal(method, said)


@pytest.mark.parametrize(
    "host", [OWN, "localhost:8420", "[::1]:8420", "dash.localhost", "192.168.1.7:8420", "LOCALHOST"]
)
def test_an_own_name_is_taken(host: str) -> None:
    assert refusal(host=host) == ""


@pytest.mark.parametrize(
    "host",
    ["evil.example", "evil.example:8420", "localhost.evil.example", "127.0.0.1.evil.example", "", "[", "a b"],
)
def test_a_name_of_somebody_else_is_refused_as_it_may_lead_here(host: str) -> None:
    assert "no name of this dashboard" in refusal(host=host)


def test_no_host_at_all_is_refused() -> None:
    assert AccessRules().refusal("GET", {}) != ""


def test_a_name_that_the_dashboard_was_told_is_taken() -> None:
    assert refusal("GET", frozenset({"build-box"}), host="build-box:8420") == ""
    assert refusal(host="build-box:8420") != ""


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize(
    "origin",
    [
        "http://evil.example",
        "null",
        "http://127.0.0.1:9000",
        "https://127.0.0.1:8420",
        "http://localhost:8420",
        "",
    ],
)
def test_another_origin_is_refused(method: str, origin: str) -> None:
    assert "may not use this dashboard" in refusal(method, origin=origin)


def test_its_own_page_may_ask_and_change() -> None:
    for method in ("GET", "POST"):
        assert refusal(method, origin=f"http://{OWN}", sec_fetch_site="same-origin") == ""


def test_a_change_names_its_origin() -> None:
    assert "has to name its origin" in refusal("POST", sec_fetch_site="same-origin")
    assert "has to name its origin" in refusal("DELETE")


@pytest.mark.parametrize("site", ["cross-site", "same-site", "something-new"])
@pytest.mark.parametrize("mode", [("no-cors", "image"), ("cors", "empty"), ("navigate", "iframe"), ("", "")])
def test_a_page_elsewhere_gets_nothing(site: str, mode: tuple[str, str]) -> None:
    assert "Pages elsewhere" in refusal(sec_fetch_site=site, sec_fetch_mode=mode[0], sec_fetch_dest=mode[1])


def test_a_link_that_a_person_follows_is_taken() -> None:
    assert refusal(sec_fetch_site="cross-site", sec_fetch_mode="navigate", sec_fetch_dest="document") == ""


@pytest.mark.parametrize("site", ["none", "same-origin"])
def test_a_person_and_the_page_itself_may_look(site: str) -> None:
    assert refusal(sec_fetch_site=site) == ""


def test_what_is_refused_is_shown_cut_and_quoted() -> None:
    told = refusal(host="x" * 1000 + ".example")
    assert len(told) < 200
