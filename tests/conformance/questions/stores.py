"""State: each store that needs no server is asked the same."""

from __future__ import annotations

from conformance.question import (
    Ask,
    ask,
)
from outboard.gojson.values import Json

__all__ = ["JSON", "STORES", "Store", "about"]

STORES = ("mem", "lite")


JSON = "application/json"


class Store:
    """Requests about one key space of one store, so that no two questions meet."""

    def __init__(self, store: str, question: str) -> None:
        self.path = f"/v1.0/state/{store}"
        self.store = store
        self.prefix = f"{question}-"

    def key(self, name: str = "k") -> str:
        return self.prefix + name

    def save(self, *items: Json, query: str = "", method: str = "POST") -> Ask:
        return ask(method, f"{self.path}{query}", list(items))

    def item(self, value: Json, name: str = "k", **more: Json) -> Json:
        return {"key": self.key(name), "value": value, **more}

    def get(self, name: str = "k", query: str = "", **headers: str) -> Ask:
        return ask("GET", f"{self.path}/{self.key(name)}{query}", **headers)

    def delete(self, name: str = "k", query: str = "", **headers: str) -> Ask:
        return ask("DELETE", f"{self.path}/{self.key(name)}{query}", **headers)

    def bulk(self, *names: str, query: str = "", **more: Json) -> Ask:
        return ask("POST", f"{self.path}/bulk{query}", {"keys": [self.key(name) for name in names], **more})

    def transact(self, *operations: Json, query: str = "", **more: Json) -> Ask:
        return ask("POST", f"{self.path}/transaction{query}", {"operations": list(operations), **more})

    def upsert(self, value: Json, name: str = "k", **more: Json) -> Json:
        return {"operation": "upsert", "request": {"key": self.key(name), "value": value, **more}}

    def remove(self, name: str = "k", **more: Json) -> Json:
        return {"operation": "delete", "request": {"key": self.key(name), **more}}

    def body(self, body: bytes, where: str = "") -> Ask:
        return ask("POST", f"{self.path}{where}", body)


def about(store: str, name: str, *rows: str) -> tuple[Store, str, tuple[str, ...]]:
    """The key space of one question, the question's name, and its rows."""
    return Store(store, name), f"{store}-{name}", rows
