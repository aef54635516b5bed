"""The page "Call another app": its two services under `outboard run`, and what else it says of a call."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from support.pages import blocks
from support.processes import eventually, free_ports, outboard, running

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "call-another-app.md"
BLOCKS = list(blocks(PAGE))
FILES = {block.title: block.text for block in BLOCKS if block.title}
NOT_THERE = "failed to invoke, id: nobody, err: no host found with the given ID"


@pytest.fixture(scope="module")
def ports(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[int, int]]:
    """The port of the shop, and that of its sidecar."""
    folder = tmp_path_factory.mktemp("services")
    prices, shop, sidecar = free_ports(3)
    replaced = {"8001": str(prices), "8000": str(shop), '"python"': f"'{sys.executable}'"}
    for name, text in FILES.items():
        content = text
        if name == "dapr.yaml":
            for before, after in replaced.items():
                content = content.replace(before, after)
            content = content.replace(f"appPort: {shop}", f"appPort: {shop}\n    daprHTTPPort: {sidecar}")
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(content, encoding="utf-8")
    home = {name: str(folder) for name in ("HOME", "USERPROFILE")}
    with running(outboard("run"), folder, **home) as program:

        def answers() -> bool:
            try:
                return httpx.get(f"http://127.0.0.1:{shop}/basket/tea", trust_env=False).status_code == 200
            except httpx.TransportError:
                return False

        eventually(answers, lambda: program.output, program)
        yield shop, sidecar


def test_the_shop_asks_for_the_price(ports: tuple[int, int]) -> None:
    answer = httpx.get(f"http://127.0.0.1:{ports[0]}/basket/tea", trust_env=False)
    assert answer.json() == {"total": 7}
    assert answer.text in PAGE.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("target", "headers", "user"),
    [
        ("/v1.0/invoke/prices/method/prices/tea", {}, None),
        ("/prices/tea", {"dapr-app-id": "prices"}, None),
        ("/prices/tea", {}, ("dapr-app-id", "prices")),
    ],
)
def test_the_same_call(
    ports: tuple[int, int], target: str, headers: dict[str, str], user: tuple[str, str] | None
) -> None:
    assert target in PAGE.read_text(encoding="utf-8")
    url = f"http://127.0.0.1:{ports[1]}{target}"
    with httpx.Client(headers=headers, auth=user, trust_env=False) as client:
        assert client.get(url).json() == {"article": "tea", "euros": 7}


def test_an_app_that_nobody_knows(ports: tuple[int, int]) -> None:
    answer = httpx.get(f"http://127.0.0.1:{ports[1]}/v1.0/invoke/nobody/method/x", trust_env=False)
    assert (answer.status_code, answer.json()["message"]) == (500, NOT_THERE)
    assert "no host found with the given ID" in PAGE.read_text(encoding="utf-8")
