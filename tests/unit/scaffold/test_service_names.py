"""Which names a new service may have."""

from __future__ import annotations

import pytest

from outboard.errors import CommandError
from outboard.scaffold.naming import ServiceNames, service_names

STANDARD = frozenset({"json", "queue"})


def test_the_package_is_the_name_as_python_writes_it() -> None:
    assert service_names("my-orders2", STANDARD) == ServiceNames("my-orders2", "my_orders2")


@pytest.mark.parametrize(
    "name", ["", "Orders", "my_orders", "-a", "a-", "1a", "a.b", "../a", "ä", "a" * 59, "a\n"]
)
def test_what_kubernetes_does_not_take_is_refused(name: str) -> None:
    with pytest.raises(CommandError, match="is no name for a service"):
        service_names(name, STANDARD)


def test_the_longest_name_does() -> None:
    assert service_names("a" * 58, STANDARD).app_id == "a" * 58


@pytest.mark.parametrize(
    ("name", "suggestion"),
    [("My_Orders!", "my-orders"), ("1orders-v2", "orders-v2"), ("Büro", "buro"), ("../a", "a")],
)
def test_a_name_that_would_do_is_told(name: str, suggestion: str) -> None:
    with pytest.raises(CommandError, match=f": {suggestion}$"):
        service_names(name, STANDARD)


def test_where_nothing_is_left_of_it_none_is_told() -> None:
    with pytest.raises(CommandError, match=r"a letter first$"):
        service_names("42", STANDARD)


@pytest.mark.parametrize(
    "name",
    [
        *("json", "class", "match", "tests", "conftest", "components", "fastapi", "outboard"),
        *("click", "attr", "multidict"),
    ],
)
def test_what_would_hide_another_package_is_refused(name: str) -> None:
    with pytest.raises(CommandError, match=f"hide another one.*{name}-service"):
        service_names(name, STANDARD)


@pytest.mark.parametrize("name", ["con", "nul", "com1", "lpt0"])
def test_what_windows_keeps_for_devices_is_refused(name: str) -> None:
    with pytest.raises(CommandError, match=f"on Windows.*{name}-service"):
        service_names(name, STANDARD)


def test_what_begins_like_a_device_is_a_name() -> None:
    assert service_names("contracts", STANDARD).app_id == "contracts"
