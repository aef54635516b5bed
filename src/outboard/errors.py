"""Everything that Outboard raises: one root, shallow branches.

An error's docstring is its message, its fields are its data. A message says what is wrong, what
that means, and what to do next; it never holds a secret. Pure.
"""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

__all__ = [
    "CommandError",
    "CommitInHandler",
    "ComponentInitFailed",
    "DeadLettersUnavailable",
    "DeclarationError",
    "Drop",
    "DuplicateSubscription",
    "EngineUnavailable",
    "EtagInvalid",
    "EtagMismatch",
    "EventLoopBlocked",
    "EventTooLarge",
    "EventVersionUnknown",
    "ExtraMissing",
    "HandlerUnsuitable",
    "InboxUnavailable",
    "InvalidCloudEvent",
    "InvalidEventData",
    "InvalidName",
    "NotConnected",
    "NotDurable",
    "NotMounted",
    "NotStreaming",
    "OutboardError",
    "OutboxError",
    "OutboxFull",
    "OutboxMissing",
    "OutboxUnavailable",
    "PortTaken",
    "PubSubNotFound",
    "PublishFailed",
    "PublishForbidden",
    "ResourceError",
    "ResourcesInvalid",
    "RouterNotIncluded",
    "ServiceDied",
    "SettingInvalid",
    "SidecarError",
    "SidecarSilent",
    "SidecarSilentInPod",
    "SidecarUnavailable",
    "SidecarUnavailableInPod",
    "StateFailed",
    "StateInvalid",
    "StateStoreNotFound",
    "TokenRejected",
    "UnexpectedAnswer",
    "UpcasterUnsuitable",
    "WrongEventLoop",
]


class OutboardError(Exception):
    """Something went wrong in Outboard."""

    def __str__(self) -> str:
        template = inspect.cleandoc(type(self).__doc__ or "").replace("\n", " ")
        return template.format(**vars(self))

    def __reduce__(self) -> tuple[Any, ...]:
        # A dataclass keeps nothing in `args`, which is what the default reduce would call it with.
        return type(self), tuple(getattr(self, field.name) for field in fields(self))  # type: ignore[arg-type]


class Drop(Exception):
    """Raise it in a handler: this event can never be handled. It goes to the dead letter topic.

    `reason` is a sentence for the person who looks at the dead letter; it becomes the extension
    attribute `deadletterreason`.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


# What travels


@dataclass(eq=False)
class InvalidCloudEvent(OutboardError):
    """not a CloudEvents 1.0 event: {attribute!r} {problem}"""

    attribute: str
    problem: str


@dataclass(eq=False)
class InvalidEventData(OutboardError):
    """the data of event {event_id!r} does not fit {model}: {problem}"""

    event_id: str
    model: str
    problem: str


@dataclass(eq=False)
class EventVersionUnknown(InvalidEventData):
    """event {event_id!r} is of a version that cannot be read as {model}: {problem}. Declare one in the app
    that takes it, `@topic.upcast(OlderModel, dataschema=...)` or `type=...`, and replay the event.
    """


# What the author declares


class DeclarationError(OutboardError):
    """A declaration in the program cannot be served."""


@dataclass(eq=False)
class InvalidName(DeclarationError):
    """{kind} {name!r} {problem}"""

    kind: str
    name: str
    problem: str


@dataclass(eq=False)
class ModelUnusable(DeclarationError):
    """{declared} cannot have the model {model}: {problem}. Give a pydantic model, or another type that
    pydantic knows.
    """

    declared: str
    model: str
    problem: str


@dataclass(eq=False)
class SettingInvalid(DeclarationError):
    """environment variable {name} {problem}"""

    name: str
    problem: str


@dataclass(eq=False)
class NotMounted(DeclarationError):
    """handler {handler} is declared, but the app does not serve `/dapr/subscribe`, so the sidecar would never
    ask for its events. Call `board.mount(app)` where the app is made.
    """

    handler: str


@dataclass(eq=False)
class DuplicateSubscription(DeclarationError):
    """two handlers for topic '{topic}' on '{pubsub}' with the same rule ({rule}): {first} and {second}.
    Only one of them would ever be called: remove one, or give each a `match` of its own.
    """

    pubsub: str
    topic: str
    rule: str
    first: str
    second: str


@dataclass(eq=False)
class HandlerUnsuitable(DeclarationError):
    """handler {handler} {problem}. {advice}"""

    handler: str
    problem: str
    advice: str


@dataclass(eq=False)
class UpcasterUnsuitable(DeclarationError):
    """upcaster {upcaster} {problem}. {advice}"""

    upcaster: str
    problem: str
    advice: str


@dataclass(eq=False)
class RouterNotIncluded(DeclarationError):
    """handler {handler} is declared on a router that the app does not include, so its events would
    have nowhere to go. Call `app.include_router(...)` after its handlers are declared, before the app starts.
    """

    handler: str


@dataclass(eq=False)
class ExtraMissing(DeclarationError):
    """{feature} needs the package {package}, which is not installed: pip install 'outboard[{extra}]'"""

    feature: str
    package: str
    extra: str


@dataclass(eq=False)
class NotStreaming(DeclarationError):
    """{operation} needs a board whose events come by streams: without a server nothing else brings them.
    Write `Outboard(streaming=True)`, or set OUTBOARD_STREAMING to true.
    """

    operation: str


@dataclass(eq=False)
class OutboxMissing(DeclarationError):
    """an event for topic '{topic}' was staged on a board without an outbox, so nobody would publish it.
    Declare one: `Outboard(outbox=Outbox(engine))`.
    """

    topic: str


# What the app's database answers


class OutboxError(OutboardError):
    """The outbox did not do what it was asked."""


@dataclass(eq=False)
class CommitInHandler(DeclarationError):
    """the handler of {consumer} commits the session of the inbox: what it does behind that could fail, and
    would then not be done again. The inbox commits when the handler has ended; call `flush()` instead, or use
    `begin_nested()`.
    """

    consumer: str


@dataclass(eq=False)
class NotDurable(OutboxError):
    """this {database} database is refused: {setting} is {value}, so that {consequence}. {advice}"""

    database: str
    setting: str
    value: str
    consequence: str
    advice: str


@dataclass(eq=False)
class OutboxFull(OutboxError):
    """the outbox takes no more events for now: {problem}, and its `{limit}` allows no more. Nothing is staged
    until some are published: see that its relay runs, and that the sidecar takes events
    """

    problem: str
    limit: str


@dataclass(eq=False)
class OutboxUnavailable(OutboxError):
    """the database of the outbox could not {operation}: {reason}"""

    operation: str
    reason: str


@dataclass(eq=False)
class DeadLettersUnavailable(OutboxError):
    """the database of the dead letters could not {operation}: {reason}"""

    operation: str
    reason: str


@dataclass(eq=False)
class InboxUnavailable(OutboxError):
    """the database of the inbox could not {operation}: {reason}"""

    operation: str
    reason: str


# What the sidecar answers


class SidecarError(OutboardError):
    """The sidecar did not do what it was asked."""


@dataclass(eq=False)
class NotConnected(SidecarError):
    """the board is not connected to a sidecar: {operation} was called outside the app's lifespan. Pass
    `lifespan=board.lifespan` to FastAPI, or use `async with board.connected():` in a script; a script
    without asyncio uses `with board.connected():`.
    """

    operation: str


@dataclass(eq=False)
class WrongEventLoop(SidecarError):
    """{operation} was awaited on another event loop than the one that the board is connected on: nothing was
    sent. Synchronous code (a `def` function, a thread, a script) calls it through `.sync`, without `await`
    and `asyncio.run`: `topic.sync.publish(...)`, `state.sync.get(...)`. An `async def` awaits it on the loop
    of its app.
    """

    operation: str


@dataclass(eq=False)
class EventLoopBlocked(SidecarError):
    """{operation} through `.sync` was called on the thread of the event loop that would have to do it, and
    both would wait for ever: nothing was sent. An `async def` awaits the same call without `.sync`; declared
    with `def`, an endpoint or a handler runs in a thread, where this works.
    """

    operation: str


@dataclass(eq=False)
class NotConnectedInTest(NotConnected):
    """the board is not connected to a sidecar: {operation} was called outside the app's lifespan, in a test.
    Serve the app with the pytest fixture `outboard` (pip install 'outboard[testing]'), which runs the
    lifespan and has a sidecar: `async with outboard.serving(app, board):`. `TestClient` runs the lifespan
    only as `with TestClient(app) as client:`, httpx's ASGITransport never does, and neither has a sidecar.
    """


@dataclass(eq=False)
class SidecarUnavailable(SidecarError):
    """no answer from the Dapr sidecar at {address} within {waited:.1f} s ({reason}); {operation} may not have
    happened. Start one with `outboard run` or `outboard sidecar`, or point DAPR_HTTP_PORT (over gRPC
    DAPR_GRPC_PORT) at it. In a test, the pytest fixture `outboard` has one.
    """

    address: str
    operation: str
    waited: float
    reason: str


@dataclass(eq=False)
class SidecarSilent(SidecarUnavailable):
    """the Dapr sidecar at {address} was asked, and has not answered within {waited:.1f} s ({reason});
    {operation} may or may not have happened. Something listens there: a sidecar that is silent most
    often waits itself, for its broker or its state store. Its log says for which; `outboard doctor` looks.
    """


@dataclass(eq=False)
class SidecarUnavailableInPod(SidecarUnavailable):
    """no answer from the Dapr sidecar at {address} within {waited:.1f} s ({reason}); {operation} may not have
    happened. The container daprd of this pod has not started yet, has ended, or is not there: see READY and
    RESTARTS in `kubectl get pods`, and why it ended in `kubectl logs POD -c daprd --previous`. A pod has none
    that was made without the annotation dapr.io/enabled, or while the injector was away. `outboard doctor
    --namespace NAMESPACE` looks.
    """


@dataclass(eq=False)
class SidecarSilentInPod(SidecarSilent):
    """the Dapr sidecar at {address} was asked, and has not answered within {waited:.1f} s ({reason});
    {operation} may or may not have happened. The container daprd of this pod is there: when it is
    silent it most often waits itself, for its broker or its state store. `kubectl logs POD -c daprd` says for
    which, and `outboard doctor --namespace NAMESPACE` looks.
    """


@dataclass(eq=False)
class NoSidecarInTest(SidecarUnavailable):
    """there is no Dapr sidecar at {address} ({reason}, within {waited:.1f} s), and this is a test:
    {operation} did not happen. Serve the app with the pytest fixture `outboard` (pip install
    'outboard[testing]'), which has a sidecar: `async with outboard.serving(app, board):`. One that you start
    yourself is waited for where DAPR_HTTP_PORT or DAPR_HTTP_ENDPOINT names it, over gRPC DAPR_GRPC_PORT or
    DAPR_GRPC_ENDPOINT.
    """


@dataclass(eq=False)
class UnexpectedAnswer(SidecarError):
    """{address} does not answer as a Dapr sidecar does: {operation} got HTTP {status}, {content_type}:
    {beginning}. It counts as failed. See what listens there, and what DAPR_HTTP_ENDPOINT and DAPR_HTTP_PORT
    of this process say.
    """

    address: str
    operation: str
    status: int
    content_type: str
    beginning: str


@dataclass(eq=False)
class UnexpectedGrpcAnswer(UnexpectedAnswer):
    """{address} does not answer as a Dapr sidecar does: {operation} got gRPC status {status},
    {content_type}: {beginning}. It counts as failed. See what listens there, and what DAPR_GRPC_ENDPOINT and
    DAPR_GRPC_PORT of this process say.
    """


@dataclass(eq=False)
class TokenRejected(SidecarError):
    """the sidecar at {address} refused the API token: DAPR_API_TOKEN of this process must be the one that
    the sidecar was started with.
    """

    address: str


@dataclass(eq=False)
class PubSubNotFound(SidecarError):
    """the sidecar has no pub/sub component '{pubsub}': nothing was published. {loaded} Check the component's
    name, its `scopes` and namespace, and DAPR_PUBSUB_NAME.
    """

    pubsub: str
    loaded: str = "It lists what it has at /v1.0/metadata."


@dataclass(eq=False)
class PublishForbidden(SidecarError):
    """this app may not publish to topic '{topic}' of '{pubsub}': nothing was published. Check
    `publishingScopes`, `allowedTopics` and `protectedTopics` of the component. (The sidecar said: {reason})
    """

    pubsub: str
    topic: str
    reason: str


@dataclass(eq=False)
class EventTooLarge(SidecarError):
    """the event for topic '{topic}' of '{pubsub}' has {size} bytes, more than the {limit} that the sidecar
    takes: nothing was published. Put the bulk of it elsewhere and publish a reference, or raise
    `--max-body-size` of the sidecar and `max_event_bytes` of the board together.
    """

    pubsub: str
    topic: str
    size: int
    limit: int


@dataclass(eq=False)
class PublishFailed(SidecarError):
    """the sidecar could not publish to topic '{topic}' of '{pubsub}': {reason} (HTTP {status} {code})"""

    pubsub: str
    topic: str
    status: int
    code: str
    reason: str


@dataclass(eq=False)
class StateStoreNotFound(SidecarError):
    """the sidecar has no state store '{store}'. {loaded} Check the component's name, its `scopes` and
    namespace, and DAPR_STATE_STORE_NAME.
    """

    store: str
    loaded: str = "It lists what it has at /v1.0/metadata."


@dataclass(eq=False)
class EtagMismatch(SidecarError):
    """key '{key}' of state store '{store}' was changed by somebody else since it was read: nothing was
    written. Read it again, apply the change to what is there now, and save once more.
    """

    store: str
    key: str


@dataclass(eq=False)
class StateWithoutEtags(SidecarError):
    """state store '{store}' gave no ETag for key '{key}': without one nobody sees what another process has
    saved meanwhile, so that an event could be applied twice, or be lost. Use a store with ETags, such as
    state.redis, state.sqlite or state.postgresql.
    """

    store: str
    key: str


@dataclass(eq=False)
class EtagInvalid(SidecarError):
    """the ETag given for key '{key}' is not one of state store '{store}': nothing was written. Pass the ETag
    that `entry` returned, unchanged.
    """

    store: str
    key: str


@dataclass(eq=False)
class StateInvalid(SidecarError):
    """the value of key '{key}' in state store '{store}' is not what the store was declared with ({model}):
    {problem}. Nothing was changed.
    """

    store: str
    key: str
    model: str
    problem: str


@dataclass(eq=False)
class StateFailed(SidecarError):
    """state store '{store}' could not {operation}: {reason} (HTTP {status} {code})"""

    store: str
    operation: str
    status: int
    code: str
    reason: str


# What a person wrote in a file or on the command line


@dataclass(eq=False)
class ResourceError(OutboardError):
    """{path}:{line}: {problem}. {advice}"""

    path: str
    line: int
    problem: str
    advice: str
    of_daprd: str = ""
    """How daprd tells of it where it ends for it, too; empty where it does not."""


@dataclass(eq=False)
class ComponentInitFailed(OutboardError):
    """component '{name}' ({type}) of {path}:{line} could not be set up: {reason}. {advice}"""

    name: str
    type: str
    path: str
    line: int
    reason: str
    advice: str


@dataclass(eq=False)
class ResourcesInvalid(OutboardError):
    """several resources are wrong; the message of each stands in a line of its own"""

    errors: tuple[OutboardError, ...]

    def __str__(self) -> str:
        return "\n".join(map(str, self.errors))

    @staticmethod
    def of(errors: Sequence[OutboardError]) -> OutboardError:
        """The error to raise for `errors`: where there is only one, that one."""
        return errors[0] if len(errors) == 1 else ResourcesInvalid(tuple(errors))


@dataclass(eq=False)
class PortTaken(OutboardError):
    """port {port} for {purpose} is taken by {owner}. Stop that process, or choose another port
    with {option}.
    """

    port: int
    purpose: str
    owner: str
    option: str


@dataclass(eq=False)
class ServiceDied(OutboardError):
    """{service} ended with exit code {code}; {others}. It said: {last_line}"""

    service: str
    code: int
    last_line: str = "nothing"
    others: str = "everything else was stopped"


@dataclass(eq=False)
class EngineUnavailable(OutboardError):
    """{engine}: {problem}. {advice}"""

    engine: str
    problem: str
    advice: str


@dataclass(eq=False)
class LogUnavailable(OutboardError):
    """the log {path} cannot be looked at: {problem}"""

    path: str
    problem: str


@dataclass(eq=False)
class NotHeld(OutboardError):
    """the event at offset {offset} does not hold partition {partition} of topic '{topic}' for group
    '{group}': {found}. Nothing was changed: see `outboard topics held`
    """

    topic: str
    group: str
    partition: int
    offset: int
    found: str


@dataclass(eq=False)
class CommandError(OutboardError):
    """{problem}. {advice}"""

    problem: str
    advice: str
