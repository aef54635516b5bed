"""Every kubectl command of the documentation names what the manifests of the to-do system make.

Those in blocks, with their prompt, and those in a sentence, between backticks.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.commands import Command, commands
from support.kubectl import Deployed, mistakes

ROOT = Path(__file__).parents[2]
DEPLOYED = Deployed.of(ROOT / "deploy" / "kubernetes")
PAGES = [*sorted((ROOT / "docs").rglob("*.md")), *sorted((ROOT / "deploy").rglob("*.md")), ROOT / "README.md"]
INLINE = re.compile(r"`(kubectl [^`\n]+)`")
OF_OTHERS = {"kubectl port-forward"}
"""Not a command to type, but a word for what it does."""
MANIFESTS = ROOT / "docs" / "how-to" / "kubernetes.md"
SIX = (
    "kubectl logs -l app=backend -n todo-chatbot -c backend",
    "kubectl get components -n todo-chatbot",
    "kubectl logs -l app=backend -n todo-chatbot -c daprd",
    "kubectl exec -n kafka kafka-broker-0 -- ",
    "kubectl logs -l app=notification -n todo-chatbot -c daprd --tail=100",
    "kubectl logs -l app=notification -n todo-chatbot -c notification --tail=50",
)


def every_command() -> Iterator[tuple[str, Command]]:
    for page in PAGES:
        name = page.relative_to(ROOT).as_posix()
        for command in commands(page):
            if command.words[:1] == ["kubectl"]:
                yield name, command
        text = page.read_text(encoding="utf-8")
        for found in INLINE.finditer(text):
            if found[1] not in OF_OTHERS:
                yield name, Command(found[1], "$", (), text.count("\n", 0, found.start()) + 1)


EVERY = list(every_command())


@pytest.mark.parametrize(("page", "command"), EVERY, ids=lambda each: getattr(each, "text", each)[:60])
def test_a_command_can_be_followed(page: str, command: Command) -> None:
    found = [f"{page}:{command.line}: {each}: {command.text}" for each in mistakes(command, DEPLOYED, ROOT)]
    assert found == []


def test_there_are_commands_of_every_page_about_kubernetes() -> None:
    assert {page for page, _ in EVERY} >= {
        "docs/how-to/kubernetes.md",
        "docs/how-to/where-did-my-event-go.md",
        "deploy/kubernetes/README.md",
    }
    assert len(EVERY) > 25


def test_the_six_looks_are_on_the_page_in_their_order() -> None:
    texts = [command.text for command in commands(MANIFESTS) if command.words[:1] == ["kubectl"]]
    places = [next(index for index, text in enumerate(texts) if text.startswith(each)) for each in SIX]
    assert places == sorted(places)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("kubectl logs -l app=backend -n todo -c backend", "no namespace todo"),
        ("kubectl logs -l app=backends -n todo-chatbot -c backend", "no manifest"),
        ("kubectl logs -l app=backend -n todo-chatbot -c back", "no container back"),
        ("kubectl logs -l app=backend -n todo-chatbot", "names no container"),
        ("kubectl port-forward -n todo-chatbot deployment/backend 8000:80", "no container has the port 80"),
        ("kubectl exec -n kafka kafka-broker-1 -- ls", "no manifest"),
        ("kubectl rollout status -n kafka deployment/kafka-broker", "no manifest"),
        ("kubectl apply -f deploy/kubernets", "there is no deploy/kubernets"),
        ("kubectl get compnents -n todo-chatbot", "`compnents` is not looked at"),
        ("kubectl get component kafka -n todo-chatbot", "no component kafka"),
    ],
)
def test_a_command_that_cannot_be_followed_is_found(text: str, told: str) -> None:
    assert told in " ".join(mistakes(Command(text, "$", (), 1), DEPLOYED, ROOT))
