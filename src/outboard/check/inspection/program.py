"""The program that loads an app, and writes what it declares into a file: `python -m ...program FILE ...`.

It runs in a process of its own, since an app may do anything when it is imported: print, fail, start a
server. That an app starts one is where its import ends.
"""

from __future__ import annotations

import asyncio
import gc
import importlib
import importlib.util
import inspect
import json
import os
import sys
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NoReturn

import uvicorn
from fastapi import FastAPI
from starlette.routing import Mount, WebSocketRoute

from outboard.asgi import AsgiExchange
from outboard.check.inspection.calls import publish_calls
from outboard.check.inspection.describing import described
from outboard.gojson.values import Json
from outboard.kit.board import Outboard
from outboard.kit.client.settings import DEFAULT_APP_ID
from outboard.kit.subscriptions.declaration import DeadLetterPolicy, Declaration
from outboard.kit.subscriptions.registry import Registry
from outboard.kit.subscriptions.routes import every_route
from outboard.kit.topic import Topic
from outboard.wire.http import Request

__all__ = ["main"]

PATIENCE: Final = 10.0
FACTORIES: Final = ("create_app", "make_app", "build_app", "get_app", "app_factory")
SUBSCRIBE: Final = "/dapr/subscribe"
ELSEWHERE: Final = ("site-packages", "dist-packages")


class ServerStarted(BaseException):
    """The app would serve from here on."""


def main() -> None:
    """`FILE FOLDER MODULE [ATTRIBUTE [schemas]]`: what the app in FOLDER declares is JSON in FILE, or why it
    cannot be loaded. With `schemas`, its events are described, too.
    """
    out, folder, module, *rest = sys.argv[1:]
    try:
        found = inspected(Path(folder), module, rest[0] if rest else "", with_schemas="schemas" in rest[1:])
    except BaseException as error:
        found = {"error": _failure(error, Path(folder))}
    Path(out).write_text(json.dumps(found), encoding="utf-8")
    sys.stdout.flush()
    os._exit(0)  # whatever threads the app has started


def inspected(folder: Path, module: str, attribute: str, *, with_schemas: bool = False) -> dict[str, Json]:
    """What the app declares. Raises what its import does."""
    sys.path.insert(0, str(folder))
    _refuse_servers()
    app = _loaded(folder, module, attribute)
    declarations = _alive(Declaration)
    topics, boards = _alive(Topic), _alive(Outboard)
    served = _served()
    ids = {each.settings.app_id for each in boards} - {DEFAULT_APP_ID}
    publishes, unseen = _publishes(folder)
    return {
        "app_id": ids.pop() if len(ids) == 1 else "",
        "streaming": any(each.settings.streaming for each in boards),
        "takes": [*map(_of_declaration, declarations), *_others(app, declarations)],
        "unserved": [_of_declaration(each) for each in declarations if served and id(each) not in served],
        "publishes": publishes,
        "declares": [{"pubsub": each.pubsub, "topic": each.name} for each in topics],
        "unseen": unseen,
        "posts": _posts(app),
        "described": _described(app, topics, publishes) if with_schemas else None,
    }


def _loaded(folder: Path, module: str, attribute: str) -> FastAPI | None:
    """The app; None where the module has none, as one that makes it when it is run."""
    try:
        loaded = _imported(folder, module)
    except ServerStarted:
        found = _alive(FastAPI)
        return found[0] if len(found) == 1 and not attribute else None
    if attribute:
        return _app_of(loaded, module, attribute)
    apps = [each for each in vars(loaded).values() if isinstance(each, FastAPI)]
    if not apps:
        makers = (vars(each).get(name) for each in _own_modules(folder) for name in FACTORIES)
        made = next(
            (each for each in makers if inspect.isfunction(each) and _is_without_arguments(each)), None
        )
        return None if made is None else _made(made)
    return apps[0]


def _imported(folder: Path, module: str) -> Any:
    if module.endswith(".py"):
        path = folder / module
        sys.path.insert(0, str(path.parent))
        spec = importlib.util.spec_from_file_location(path.stem, path)
        if spec is None or spec.loader is None:
            raise ImportError(f"{path} is no module")
        loaded = importlib.util.module_from_spec(spec)
        sys.modules[path.stem] = loaded
        spec.loader.exec_module(loaded)
        return loaded
    loaded = importlib.import_module(module)
    program = f"{module}.__main__"
    if hasattr(loaded, "__path__") and importlib.util.find_spec(program) is not None:
        importlib.import_module(program)
    return loaded


def _app_of(loaded: object, module: str, attribute: str) -> FastAPI | None:
    found: Any = loaded
    for name in attribute.split("."):
        if not hasattr(found, name):
            raise AttributeError(f"module {module} has no `{attribute}`")
        found = getattr(found, name)
    if callable(found) and not isinstance(found, FastAPI) and _is_without_arguments(found):
        found = _made(found)
    if not isinstance(found, FastAPI):
        raise TypeError(f"{module}:{attribute} is no FastAPI app, and no function that makes one")
    return found


def _made(factory: Callable[..., Any]) -> FastAPI | None:
    try:
        found = factory()
    except ServerStarted:
        return None
    return found if isinstance(found, FastAPI) else None


def _is_without_arguments(function: Callable[..., Any]) -> bool:
    if inspect.iscoroutinefunction(function):
        return False
    try:
        _signature(function).bind()
    except (TypeError, ValueError):
        return False
    return True


def _signature(function: Callable[..., Any]) -> inspect.Signature:
    """Python 3.14 evaluates annotations only now, and a name that a type checker alone sees is not there."""
    if sys.version_info >= (3, 14):
        from annotationlib import Format

        return inspect.signature(function, annotation_format=Format.FORWARDREF)
    return inspect.signature(function)


def _refuse_servers() -> None:
    def started(*_: object, **__: object) -> NoReturn:
        raise ServerStarted

    setattr(uvicorn, "run", started)  # noqa: B010 - a type checker sees no function to be set
    setattr(uvicorn.Server, "run", started)  # noqa: B010
    setattr(uvicorn.Server, "serve", started)  # noqa: B010
    setattr(Outboard, "run", started)  # noqa: B010


def _posts(app: FastAPI | None) -> list[Json] | None:
    """The paths that it takes a POST at, as they are declared; None where that is not to be seen."""
    found: list[Json] = []
    for route in [] if app is None else every_route(app.routes):
        path, methods = getattr(route, "path", None), getattr(route, "methods", None)
        kind = getattr(route, "original_route", route)
        if not isinstance(path, str):
            return None  # a router, in FastAPI 0.137
        if isinstance(kind, Mount):
            found.append(f"{path.rstrip('/')}/{{rest:path}}")
        elif not isinstance(kind, WebSocketRoute) and (methods is None or "POST" in methods):
            found.append(path)
    return None if app is None else found


def _alive(kind: type[Any]) -> list[Any]:
    """The objects of a class, in the order in which they were made as far as one can tell."""
    return [each for each in gc.get_objects() if isinstance(each, kind)]


def _served() -> set[int]:
    """The ids of the handlers that some app serves, of which one is there; empty where none is."""
    registries = _alive(Registry)
    apps = [app for app in _alive(FastAPI) if any(each.is_mounted(app) for each in registries)]
    handlers = {id(each.declaration) for app in apps for of in registries for each in of.served(app)}
    return handlers | ({0} if apps else set())


def _described(app: FastAPI | None, topics: Sequence[Topic[Any]], publishes: Sequence[Json]) -> Json:
    """What is said of the app itself, and of its topics."""
    apps = [app] if app is not None else _alive(FastAPI)
    handlers = [
        (of.declaration, of.path) for one in apps for each in _alive(Registry) for of in each.served(one)
    ]
    published = {
        (str(each.get("pubsub")), str(each.get("topic"))) for each in publishes if isinstance(each, dict)
    }
    about = apps[0] if apps else FastAPI()
    return {
        "title": about.title,
        "version": about.version,
        "description": about.description or about.summary or "",
        "topics": described(topics, handlers, published),
    }


def _of_declaration(each: Declaration) -> dict[str, Json]:
    _, _, place = each.place.rpartition(" (")
    file, _, line = place.rstrip(")").rpartition(":")
    policy = each.poison
    return {
        "pubsub": each.pubsub,
        "topic": each.topic,
        "file": file,
        "line": int(line) if line.isdigit() else 0,
        "dead_letter": policy.topic if isinstance(policy, DeadLetterPolicy) else "",
        "match": [each.options.match] if each.options.match else [],
        "bulk": each.options.bulk is not None,
        "raw": each.options.metadata.get("rawPayload", "").lower() == "true",
    }


def _others(app: FastAPI | None, declarations: Iterable[Declaration]) -> Iterator[dict[str, Json]]:
    """What the app subscribes to beside the handlers of boards, as it answers the sidecar."""
    known = {(each.pubsub, each.topic) for each in declarations}
    for each in [] if app is None else asyncio.run(_asked(app)):
        if isinstance(each, Mapping) and (each.get("pubsubname"), each.get("topic")) not in known:
            yield {
                "pubsub": str(each.get("pubsubname", "")),
                "topic": str(each.get("topic", "")),
                "dead_letter": str(each.get("deadLetterTopic") or ""),
            }


async def _asked(app: FastAPI) -> list[Json]:
    try:
        answer = await AsgiExchange(app)(Request("GET", SUBSCRIBE), PATIENCE)
        found = json.loads(answer.body) if answer.status == 200 else []
    except Exception:
        return []
    return found if isinstance(found, list) else []


def _publishes(folder: Path) -> tuple[list[Json], int]:
    """The calls that publish with what they publish to, and how many there are of which that is not seen."""
    seen: list[Json] = []
    unseen = 0
    for module in _own_modules(folder):
        source = Path(str(module.__file__))
        try:
            calls = list(publish_calls(module, source))
        except (OSError, SyntaxError, ValueError):
            continue  # no source, as of a compiled module
        unseen += sum(not each.topic for each in calls)
        seen += [
            {"pubsub": each.pubsub, "topic": each.topic, "file": str(source), "line": each.line}
            for each in calls
            if each.topic
        ]
    return seen, unseen


def _own_modules(folder: Path) -> list[Any]:
    """The modules of the project itself."""
    return [
        module
        for module in list(sys.modules.values())
        if (file := getattr(module, "__file__", None))
        and Path(file).suffix == ".py"
        and Path(file).is_relative_to(folder)
        and not set(Path(file).parts) & {*ELSEWHERE, ".venv", "venv"}
    ]


def _failure(error: BaseException, folder: Path) -> Json:
    """What went wrong, at the innermost place of the app's own."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [each for each in frames if Path(each.filename).is_relative_to(folder)]
    said = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    if not own:
        return {"problem": said}
    return {"problem": said, "file": own[-1].filename, "line": own[-1].lineno or 0}


if __name__ == "__main__":
    main()
