"""What one module does by hand that the kit does, each place with its replacement. Pure."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from outboard.migrate.texts import (
    HOLE,
    Scope,
    assigned,
    attributes,
    base_of,
    event_routes,
    imported_as,
    text_of,
)

__all__ = ["KINDS", "Place", "places_in", "summary_of"]

KINDS: Final[Mapping[str, str]] = {
    "raw-publish": "an event is published by a request of one's own",
    "sdk-publish": "an event is published by Dapr's SDK",
    "raw-state": "state is read or written by a request of one's own",
    "sdk-state": "state is read or written by Dapr's SDK",
    "swallowed": "an exception around such a call is swallowed: what it was to do is lost unseen",
    "bare-except": "whatever is raised is swallowed: an event counts as handled, and nobody learns of it",
    "literal-port": "the port of the sidecar is written down",
    "client-per-call": "a client is made for each call, and with it a connection",
    "dict-event": "an event is a dict, which nothing checks",
    "sdk-subscription": "a handler is declared by Dapr's extension for FastAPI",
    "own-subscriptions": "`/dapr/subscribe` is written by hand",
    "unreadable": "the file could not be read",
}
PUBLISH: Final = re.compile(r"/v1\.0(?:-alpha1)?/publish(?:/bulk)?/(?P<pubsub>[^/?]+)/(?P<topic>[^?]+)")
PUBLISHES: Final = re.compile(r"/v1\.0(?:-alpha1)?/publish\b")
STATE: Final = re.compile(r"/v1\.0(?:-alpha1)?/state\b")
PORT: Final = re.compile(r"[\w\]}]:(?:3500|50001)\b")
PORTS: Final = ("3500", "50001")
REQUESTS: Final = frozenset(
    {"post", "put", "get", "delete", "request", "patch", "build_request", "Request", "urlopen"}
)
ROUTES: Final = frozenset({"add_api_route", "add_route", "Route", "APIRoute"})
SDK_PUBLISHES: Final = frozenset({"publish_event", "publish_events"})
SDK_STATE: Final = frozenset(
    {
        "save_state",
        "save_bulk_state",
        "get_state",
        "get_bulk_state",
        "delete_state",
        "execute_state_transaction",
    }
)
CLIENTS: Final = frozenset({"AsyncClient", "Client", "ClientSession", "Session", "DaprClient"})
BROAD: Final = frozenset({"Exception", "BaseException"})
PAYLOADS: Final = ("json", "data", "content")
DICT_ADVICE: Final = "give the topic a pydantic model, `board.topic(name, Model)`, and publish one of it"
PORT_ADVICE: Final = (
    "remove it: the board takes the address from DAPR_HTTP_PORT, DAPR_GRPC_PORT or DAPR_HTTP_ENDPOINT"
)
CLIENT_ADVICE: Final = "remove it: the board keeps one pooled client, opened and closed by the lifespan"
SWALLOWED_ADVICE: Final = (
    "remove it: `publish` raises SidecarUnavailable in bounded time; to lose nothing, "
    "`topic.stage(session, ...)` in the transaction"
)
BARE_ADVICE: Final = (
    "name what is expected, and let the rest be raised: an event whose handler raises comes again, and "
    "`raise Drop(...)` gives one up"
)
STATE_ADVICE: Final = (
    "`board.state(Model{store})`: `await values.get(key)`, `await values.save(key, value, etag=...)`, "
    "`await values.delete(key)`"
)
OWN_ADVICE: Final = (
    "keep it while some topics are still its own: `board.mount(app)` answers for both; remove it with the "
    "last one"
)
CALLS: Final = ("raw-publish", "sdk-publish", "raw-state", "sdk-state")


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """One place: `file` and `line`, the kind (one of KINDS), what stands there, and what replaces it."""

    file: str
    line: int
    column: int
    kind: str
    what: str
    replacement: str


def places_in(source: str, file: str) -> list[Place]:
    """Those of a module, in its order. One that cannot be parsed is a place itself."""
    try:
        tree = ast.parse(source, file)
    except (SyntaxError, ValueError, RecursionError) as error:
        line = getattr(error, "lineno", None) or 1
        return [Place(file, line, 1, "unreadable", f"it is no Python: {error}", "Correct it, and ask again.")]
    reader = _Reader(file, _imports_dapr(tree), assigned(tree.body), imported_as(tree), event_routes(tree))
    reader.visit(tree)
    once = {(each.line, each.column, each.kind): each for each in reversed(reader.found)}
    return sorted(once.values())


@dataclass
class _Reader(ast.NodeVisitor):
    """`scope` holds the names that can be seen, `originals` what is imported under another name.

    `event_routes` are the paths that its own `/dapr/subscribe` names.
    """

    file: str
    knows_dapr: bool
    scope: Scope
    originals: Mapping[str, str]
    event_routes: frozenset[str]
    found: list[Place] = field(default_factory=list)
    is_handler: bool = False
    """Whether the function at hand gets events."""

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        self._function(node)

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> None:
        self._function(node)

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        outer = self.scope
        self.scope = {**outer, **attributes(node)}
        self.generic_visit(node)
        self.scope = outer

    def _function(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        takes = [self._decorator(each) for each in node.decorator_list]
        self._parameters(node.args)
        outer, before = (self.scope, self.is_handler), len(self.found)
        self.scope, self.is_handler = {**self.scope, **assigned(node.body)}, any(takes)
        self.generic_visit(node)
        self.scope, self.is_handler = outer
        if not any(each.kind in CALLS for each in self.found[before:]):
            return
        for each in ast.walk(node):
            name = self._called_name(each) if isinstance(each, ast.Call) else ""
            if isinstance(each, ast.Call) and name in CLIENTS and (name != "DaprClient" or self.knows_dapr):
                what = f"`{ast.unparse(each.func)}(...)` in `{node.name}`"
                self._note(each, "client-per-call", what, CLIENT_ADVICE)

    def visit_Call(self, node: ast.Call) -> None:
        self._call(node)
        self.generic_visit(node)

    def _parameters(self, given: ast.arguments) -> None:
        positional = [*given.posonlyargs, *given.args]
        defaults = positional[len(positional) - len(given.defaults) :]
        for each, value in zip(
            (*defaults, *given.kwonlyargs), (*given.defaults, *given.kw_defaults), strict=True
        ):
            if value is not None:
                self._named_number(each.arg, value)

    def visit_Try(self, node: ast.Try) -> None:
        self._try(node)

    def visit_TryStar(self, node: ast.AST) -> None:
        self._try(node)

    def _try(self, node: Any) -> None:
        """An `ast.Try`, or an `ast.TryStar`, which has the same fields."""
        broad = [each for each in node.handlers if _is_broad(each) and not _raises(each)]
        if not self._guarded(node.body, broad):
            for each in broad:
                if each.type is None or self.is_handler:
                    caught = f" {ast.unparse(each.type)}" if each.type is not None else ""
                    self._note(each, "bare-except", f"`except{caught}:`", BARE_ADVICE)
        for part in (*node.handlers, *node.orelse, *node.finalbody):
            self.visit(part)

    def visit_With(self, node: ast.With) -> None:
        for item in node.items:
            self.visit(item)
        self._guarded(node.body, [item.context_expr for item in node.items if _suppresses(item.context_expr)])

    def _guarded(self, body: list[ast.stmt], guards: Sequence[ast.excepthandler | ast.expr]) -> bool:
        """Look for what is called in `body`, and swallowed by `guards`. Says whether anything is called."""
        before = len(self.found)
        for each in body:
            self.visit(each)
        calls = [each for each in self.found[before:] if each.kind in CALLS]
        for guard in guards if calls else ():
            caught = guard.type if isinstance(guard, ast.ExceptHandler) else guard
            said = f" {ast.unparse(caught)}" if caught is not None else ""
            word = "except" if isinstance(guard, ast.ExceptHandler) else "with"
            what = f"`{word}{said}:` around line {calls[0].line}"
            self._note(guard, "swallowed", what, SWALLOWED_ADVICE)
        return bool(calls)

    def visit_Constant(self, node: ast.Constant) -> None:
        if isinstance(node.value, str) and PORT.search(node.value):
            self._port(node, node.value)

    def visit_Assign(self, node: ast.Assign) -> None:
        for target in node.targets:
            self._number(target, node.value)
        self.generic_visit(node)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        self._number(node.target, node.value)
        self.generic_visit(node)

    def visit_keyword(self, node: ast.keyword) -> None:
        self._named_number(node.arg or "", node.value)
        self.generic_visit(node)

    def visit_JoinedStr(self, node: ast.JoinedStr) -> None:
        text = text_of(node, {})
        if PORT.search(text):
            self._port(node, text)
        for each in node.values:
            if isinstance(each, ast.FormattedValue):
                self.visit(each.value)

    def _number(self, target: ast.expr, value: ast.expr | None) -> None:
        if value is not None:
            self._named_number(_last_name(target), value)

    def _named_number(self, name: str, value: ast.expr) -> None:
        """`DAPR_PORT = 3500`, also as what stands for a variable that is not set."""
        if "port" in name.lower() and text_of(value, {}) in PORTS:
            self._port(value, f"{name} = {ast.unparse(value)}")

    def _port(self, node: ast.expr, text: str) -> None:
        self._note(node, "literal-port", f"`{text}`", PORT_ADVICE)

    def _decorator(self, node: ast.expr) -> bool:
        """Whether what it decorates gets events."""
        if not isinstance(node, ast.Call):
            return False
        named = {each.arg: each.value for each in node.keywords}
        name = _last_name(node.func)
        given = _argument(node, 0, "pubsub"), _argument(node, 1, "topic")
        if (
            name == "subscribe"
            and None not in given
            and (self.knows_dapr or {"pubsub", "topic"} <= named.keys())
        ):
            topic = text_of(given[1], self.scope)
            instead = (
                f"`@{_identifier(topic)}.subscribe({_path_of(named, topic)!r})` with {_declaration(topic)}; "
                "the function takes `event: Event[Model]`"
            )
            self._note(node, "sdk-subscription", f"`@{ast.unparse(node)}`", instead)
            return True
        path = text_of(node.args[0], self.scope) if node.args else ""
        if name in ("get", "route", "api_route") and path == "/dapr/subscribe":
            self._note(node, "own-subscriptions", f"`@{ast.unparse(node)}`", OWN_ADVICE)
        return name in ("post", "api_route", "route") and path in self.event_routes

    def _call(self, node: ast.Call) -> None:
        name = self._called_name(node)
        if name in REQUESTS:
            self._request(node)
        elif name in ROUTES and node.args and text_of(node.args[0], self.scope) == "/dapr/subscribe":
            self._note(node, "own-subscriptions", f"`{_shortened(ast.unparse(node))}`", OWN_ADVICE)
        elif self.knows_dapr and name in SDK_PUBLISHES:
            topic = text_of(_argument(node, 1, "topic_name"), self.scope)
            self._publish(node, "sdk-publish", topic, _argument(node, 2, "data"))
        elif self.knows_dapr and name in SDK_STATE:
            store = text_of(_argument(node, 0, "store_name"), self.scope)
            self._state(node, "sdk-state", store)

    def _request(self, node: ast.Call) -> None:
        base = base_of(node.func, self.scope)
        urls = [text_of(each, self.scope) for each in (*node.args[:2], _named(node, "url"))]
        urls = [f"{base}{each.lstrip('/')}" if base else each for each in urls]
        url = next((each for each in urls if PUBLISHES.search(each) or STATE.search(each)), "")
        if STATE.search(url):
            store = url.partition("/state/")[2].partition("/")[0]
            self._state(node, "raw-state", store)
        elif url:
            found = PUBLISH.search(url)
            payload = next((value for name in PAYLOADS if (value := _named(node, name)) is not None), None)
            self._publish(node, "raw-publish", found["topic"] if found else "", payload)

    def _publish(self, node: ast.Call, kind: str, topic: str, payload: ast.expr | None) -> None:
        name = _identifier(topic)
        instead = (
            f"`await {name}.publish(data, key=...)` (in a `def`: `{name}.sync.publish`) with "
            f"{_declaration(topic)}"
        )
        self._note(node, kind, _called(node, "to topic", topic), instead)
        if payload is not None and _is_dict(payload, self.scope):
            self._note(payload, "dict-event", f"`{_shortened(ast.unparse(payload))}`", DICT_ADVICE)

    def _state(self, node: ast.Call, kind: str, store: str) -> None:
        named = f", store={store!r}" if _is_seen(store) else ""
        self._note(node, kind, _called(node, "of", store), STATE_ADVICE.format(store=named))

    def _called_name(self, node: ast.Call) -> str:
        name = _last_name(node.func)
        return self.originals.get(name, name) if isinstance(node.func, ast.Name) else name

    def _note(self, node: ast.expr | ast.excepthandler, kind: str, what: str, replacement: str) -> None:
        self.found.append(Place(self.file, node.lineno, node.col_offset + 1, kind, what, replacement))


def _imports_dapr(tree: ast.Module) -> bool:
    for node in ast.walk(tree):
        names = [each.name for each in node.names] if isinstance(node, ast.Import) else []
        names += [node.module or ""] if isinstance(node, ast.ImportFrom) and not node.level else []
        if any(each.partition(".")[0] == "dapr" for each in names):
            return True
    return False


def _last_name(node: ast.expr) -> str:
    match node:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
    return ""


def _named(node: ast.Call, name: str) -> ast.expr | None:
    return next((each.value for each in node.keywords if each.arg == name), None)


def _argument(node: ast.Call, index: int, name: str) -> ast.expr | None:
    found = _named(node, name)
    return found if found is not None else node.args[index] if index < len(node.args) else None


def _is_dict(node: ast.expr, scope: Scope) -> bool:
    """Whether it is a dict that is written down, or the JSON of one."""
    if isinstance(node, ast.Name) and node.id in scope:
        node = scope[node.id]
    if isinstance(node, ast.Call) and _last_name(node.func) in ("dumps", "encode"):
        inside = node.args[0] if node.args else getattr(node.func, "value", node)
        return inside is not node and _is_dict(inside, scope)
    return isinstance(node, ast.Dict) or (isinstance(node, ast.Call) and _last_name(node.func) == "dict")


def _is_broad(handler: ast.ExceptHandler) -> bool:
    types = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
    return any(each is None or _last_name(each) in BROAD for each in types)


def _raises(handler: ast.ExceptHandler) -> bool:
    return any(isinstance(each, ast.Raise) for step in handler.body for each in ast.walk(step))


def _suppresses(node: ast.expr) -> bool:
    """Whether it is `suppress(Exception)`."""
    return (
        isinstance(node, ast.Call)
        and _last_name(node.func) == "suppress"
        and any(_last_name(each) in BROAD for each in node.args)
    )


def _called(node: ast.Call, word: str, name: str) -> str:
    said = f"`{_shortened(ast.unparse(node.func))}(...)`"
    return f"{said} {word} '{name}'" if _is_seen(name) else said


def _path_of(named: Mapping[str | None, ast.expr], topic: str) -> str:
    return text_of(named.get("route"), {}) or f"/events/{topic}"


def _is_seen(name: str) -> bool:
    return bool(name) and HOLE not in name


def _declaration(topic: str) -> str:
    shown = repr(topic) if _is_seen(topic) else "name"
    return f"`{_identifier(topic)} = board.topic({shown}, Model)`"


def _identifier(topic: str) -> str:
    name = re.sub(r"\W+", "_", topic).strip("_").lower() if _is_seen(topic) else ""
    return name if name.isidentifier() else "topic"


def _shortened(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= 60 else f"{line[:57]}..."


def summary_of(places: Iterable[Place]) -> Iterator[tuple[str, int]]:
    """How many there are of each kind, in the order of KINDS."""
    listed = list(places)
    for kind in KINDS:
        if number := sum(each.kind == kind for each in listed):
            yield kind, number
