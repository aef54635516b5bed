"""Fills in the generated parts of the reference, from the tables that the program itself works by.

    python docs/generate.py       (and the pages of rules, by docs/rule_pages.py)

A generated part stands in a page between `<!-- generated: NAME -->` and `<!-- end: NAME -->`. The tests fail
where one is out of date, and where something new has no description here.
"""

from __future__ import annotations

import dataclasses
import inspect
import re
import runpy
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Final

import outboard
from outboard import errors
from outboard.run.output.formats import EVENT_NAMES
from outboard.run.plan.settings import SETTINGS, Setting
from outboard.sidecar.components.registry import CATEGORY_METADATA, FACTORIES
from outboard.sidecar.process.flags import FLAGS, Flag

__all__ = ["PAGES", "filled"]

REFERENCE: Final = Path(__file__).parent / "reference"
CONFORMANCE: Final = Path(__file__).parent.parent / "tests" / "conformance"
CONTRACT: Final = CONFORMANCE.parent / "contract"
PAGES: Final = tuple(REFERENCE / f"{name}.md" for name in ("errors", "run", "sidecar"))
PART: Final = re.compile(
    r"(?P<begin><!-- generated: (?P<name>[\w-]+) -->\n).*?(?P<end><!-- end: (?P=name) -->)", re.S
)

INERT: Final = frozenset(flag.name for flag in FLAGS if flag.inert)

# How both components for Redis reach their server.
REDIS: Final[Mapping[str, tuple[str, str]]] = {
    "redisHost": ("", "Required: `host` or `host:port`; several, with commas between them, of a cluster or "
                      "of sentinels."),
    "redisPort": ("6379", "The port, where `redisHost` has none."),
    "redisUsername": ("", "Who logs in, with a password only; with a password alone it is `default`."),
    "redisPassword": ("", "With which password; best by `secretKeyRef`."),
    "redisDB": ("0", "The number of the database; a cluster has only one."),
    "redisType": ("node", "`cluster` for a cluster; all else is a single server."),
    "enableTLS": ("false", "Use TLS. The server's certificate is checked against the authorities of the "
                           "machine, or those in the file that SSL_CERT_FILE names."),
    "insecureSkipTLSVerify": ("false", "Take any certificate: unsafe."),
    "clientCert": ("", "The client's certificate, as PEM text, with `clientKey`."),
    "clientKey": ("", "Its key, as PEM text."),
    "failover": ("false", "`redisHost` names sentinels; they are asked for the server."),
    "sentinelMasterName": ("", "Required with `failover`: the name that the sentinels know the server by."),
    "sentinelUsername": ("", "Who logs in to the sentinels."),
    "sentinelPassword": ("", "With which password."),
    "redisMaxRetries": ("3", "How often a command is tried again that got no answer; -1: never."),
    "redisMinRetryInterval": ("8ms", "The first pause before that; `state.redis` begins with 2 s, which "
                                     "the next item bounds. Here and below a bare number is milliseconds."),
    "redisMaxRetryInterval": ("512ms", "The longest pause."),
    "dialTimeout": ("5s", "Longest time to make a connection."),
    "readTimeout": ("3s", "Longest time to wait for an answer; -1: for ever."),
    "writeTimeout": ("", "As `readTimeout`; the longer of both counts."),
    "poolSize": ("", "Most connections for commands; 10 for each CPU unless given. Those that wait for "
                     "events are not counted (by daprd they are: it stops reading topics beyond that "
                     "number)."),
    "poolTimeout": ("", "How long to wait for a free one; `readTimeout` and 1 s unless given."),
    "minIdleConns": ("0", "Checked, without effect, as the next three."),
    "maxConnAge": ("", "See `minIdleConns`."),
    "idleTimeout": ("", "See `minIdleConns`."),
    "idleCheckFrequency": ("", "See `minIdleConns`."),
    "useEntraID": ("false", "Refused if true, as are the next two: they need the real daprd."),
    "useAzureAD": ("false", "See `useEntraID`."),
    "useOIDC": ("false", "See `useEntraID`."),
}  # fmt: skip

# What each metadata item means: its default, empty where there is none, and a sentence.
COMPONENTS: Final[Mapping[str, Mapping[str, tuple[str, str]]]] = {
    "pubsub.in-memory": {
        "backlog": ("0", "Keeps so many of the latest events of each topic for apps that subscribe later, "
                         "or come back. daprd ignores it."),
        "partitions": ("0", "From 1 to 1024: a partitioned log, as Kafka's, but in memory. Events with "
                            "the same `partitionKey` stay in order, partitions are handled at once, "
                            "batches are handed over without a timer, and an event that is not "
                            "acknowledged comes again before those behind it. 0 is as daprd, which "
                            "ignores it."),
        "backOffDuration": ("5s", "With `partitions`: how long its partition waits after an event that "
                                  "was not acknowledged; it is tried again for ever. A bare number is in "
                                  "milliseconds."),
    },
    "pubsub.sqlite": {
        "connectionString": ("", "Required: the path of a file, which is made where there is none. A "
                                 "relative path begins in `appDirPath`, or where the sidecar was started."),
        "consumerGroup": ("", "The group in which the app consumes; `consumerID` unless given, which is "
                              "its app id. Sidecars of one group share the events, in one process or in "
                              "several."),
        "initialOffset": ("oldest", "Where a new group begins: `oldest` with all that is kept, `newest` with "
                                    "what is published from then on. (`pubsub.kafka` begins with `newest`.)"),
        "partitions": ("16", "Partitions of a new topic: events of one `partitionKey` lie in the same, in "
                             "order, and so many events are handled at once. An existing topic keeps its "
                             "own."),
        "retention": ("168h", "Events older than this, by this machine's clock, are deleted within a minute "
                              "or so, consumed or not; 0 keeps them."),
        "retentionBytes": ("1Gi", "While the file holds more than this the oldest events are deleted, with a "
                                  "warning where a group had not consumed them; 0 is without bound."),
        "backOffPolicy": ("constant", "When an event comes again whose handler failed: `constant` or "
                                      "`exponential`. Its partition waits for it."),
        "backOffDuration": ("5s", "The pause of `constant`. A bare number is in milliseconds, here and "
                                  "below."),
        "backOffInitialInterval": ("500ms", "The first pause of `exponential`."),
        "backOffMaxInterval": ("60s", "Its longest."),
        "backOffMultiplier": ("1.5", "By how much each pause is longer than the one before."),
        "backOffRandomizationFactor": ("0.5", "How much chance there is in a pause."),
        "backOffMaxElapsedTime": ("15m", "`exponential` skips the event after so long; 0 never does."),
        "backOffMaxRetries": ("-1", "Skips the event after so many retries; below 0 never does."),
        "heartbeatInterval": ("3s", "How often a consumer says that it is alive."),
        "sessionTimeout": ("10s", "After so long without that others of its group take over. The end of its "
                                  "process is noticed sooner."),
        "busyTimeout": ("2s", "How long to wait for a lock that another process holds."),
    },
    "pubsub.kafka": {
        "brokers": ("", "Required: `host:port`, several with commas between them."),
        "authType": (
            "",
            "Required: `none`, `password`, `mtls` or `certificate`. TLS is on for all but `none`.",
        ),
        "authRequired": ("", "Deprecated: what stood in the place of `authType`."),
        "saslUsername": ("", "With `password`: who logs in. Azure Event Hubs wants `$ConnectionString`."),
        "saslPassword": ("", "With `password`."),
        "saslMechanism": ("PLAINTEXT", "With `password`: `SHA-256`, `SHA-512`; anything else is PLAIN."),
        "caCert": (
            "",
            "The authority that the brokers' certificates are checked against, as PEM text; the "
            "machine's own unless given. `certificate` requires it.",
        ),
        "clientCert": ("", "With `mtls`: the client's certificate, as PEM text."),
        "clientKey": ("", "With `mtls`: its key, as PEM text."),
        "skipVerify": ("false", "Take any certificate: unsafe."),
        "disableTls": ("false", "No TLS, whatever `authType` says."),
        "consumerGroup": ("", "The group in which an app consumes; its `consumerID` unless given."),
        "clientID": (
            "",
            "The name in the broker's logs and quotas; the app id unless given (daprd: `sarama`).",
        ),
        "initialOffset": (
            "newest",
            "Where a group begins that has committed nothing: `oldest` or `newest`. Written in "
            "exactly this case, as for daprd.",
        ),
        "version": ("2.0.0", "Checked for its form; the version of the protocol is negotiated."),
        "maxMessageBytes": (
            "1048576",
            "The largest message, with key and headers; topics have a limit of their own.",
        ),
        "compression": ("none", "Of what is published: `gzip`, `snappy`, `lz4` or `zstd`."),
        "consumeRetryEnabled": ("true", "Hand over again what was not acknowledged; else it is passed over."),
        "consumeRetryInterval": (
            "100ms",
            "Pause before a consumer that failed is made anew, at least 1 s here. A bare number "
            "is milliseconds.",
        ),
        "backOffPolicy": (
            "constant",
            "`constant` or `exponential`: how long a message waits that was not acknowledged. "
            "Items with this prefix are written in exactly this case.",
        ),
        "backOffDuration": ("5s", "Pause of the constant policy. Bare numbers are milliseconds."),
        "backOffInitialInterval": ("500ms", "First pause of the exponential policy."),
        "backOffMaxInterval": ("60s", "Its longest pause."),
        "backOffMultiplier": ("1.5", "Its growth."),
        "backOffRandomizationFactor": ("0.5", "Its jitter, as a part of the pause."),
        "backOffMaxElapsedTime": ("15m", "After that it gives up; 0 never does."),
        "backOffMaxRetries": ("-1", "After so many retries the message is passed over; below 0 never is."),
        "heartbeatInterval": ("3s", "How often the group is told that this member lives."),
        "sessionTimeout": ("10s", "After so long without that it is taken for dead."),
        "consumerGroupRebalanceStrategy": (
            "range",
            "How a group shares partitions: `range`, `roundrobin`, `sticky`. All its members use "
            "the same.",
        ),
        "clientConnectionTopicMetadataRefreshInterval": (
            "8m",
            "How often the brokers are asked for new partitions.",
        ),
        "consumerFetchMin": ("1", "Bytes that a broker waits for. Written in exactly this case."),
        "consumerFetchDefault": (
            "1048576",
            "Bytes of a partition that are fetched at once. Written in exactly this case.",
        ),
        "escapeHeaders": (
            "false",
            "Percent-encode key and headers of what is consumed, for HTTP to carry them.",
        ),
        "excludeHeaderMetaRegex": (
            "",
            "Names of metadata that become no headers, and of headers that become no metadata.",
        ),
    },
    "pubsub.redis": {
        **REDIS,
        "processingTimeout": ("60s", "An event that is not settled so long after a consumer got it is "
                                     "given to a consumer of the group again; 0: never."),
        "redeliverInterval": ("15s", "How often such events are looked for; 0: never. Only a number of "
                                     "milliseconds counts: a text such as `30s` is ignored, as by daprd."),
        "queueDepth": ("100", "Most events that are read at once."),
        "concurrency": ("10", "Most events of the component that are with the app at once. 1 keeps the "
                              "order."),
        "maxLenApprox": ("", "About so many events are kept of each topic; all unless given."),
        "streamTTL": ("", "Events are kept for about so long; `maxLenApprox` counts before it."),
    },
    "state.in-memory": {},
    "state.redis": {
        **REDIS,
        "ttlInSeconds": ("", "Time to live of values whose request names none."),
        "queryIndexes": ("", "Refused: queries are not served."),
        "maxRetries": ("", "Older name for `redisMaxRetries`."),
        "maxRetryBackoff": ("", "Older item for `redisMinRetryInterval`, in nanoseconds."),
    },
    "state.sqlite": {
        "connectionString": ("", "Required: a path, a `file:` URI or `:memory:`. A relative path begins "
                                 "in `appDirPath`, or where the sidecar was started."),
        "url": ("", "Another name for `connectionString`."),
        "tableName": ("state", "Table of the values."),
        "metadataTableName": ("metadata", "Table of the schema's version."),
        "timeout": ("20s", "Longest time for one operation, at least `1s`."),
        "timeoutInSeconds": ("", "Older name for `timeout`."),
        "busyTimeout": ("2s", "How long to wait for a lock that another process holds."),
        "disableWAL": ("false", "Do not switch the file to write-ahead logging."),
        "cleanupInterval": ("0", "Delete expired values so often, at the next write; 0 never does. An "
                                 "expired value is not returned in any case."),
        "cleanupIntervalInSeconds": ("", "Older name for `cleanupInterval`."),
    },
    "secretstores.local.env": {
        "prefix": ("", "Secret `x` is the environment variable `<prefix>x`. `APP_API_TOKEN` and all that "
                       "begins with `DAPR_` cannot be read."),
    },
    "secretstores.local.file": {
        "secretsFile": ("", "Required: a JSON file. A relative path begins in `appDirPath`, or where the "
                            "sidecar was started."),
        "nestedSeparator": (":", "Stands between the keys of nested objects: `redis:password`."),
        "multiValued": ("false", "Each key at the top is one secret with several keys, not each leaf."),
    },
}  # fmt: skip

CATEGORIES: Final[Mapping[str, Mapping[str, str]]] = {
    "pubsub": {
        "consumerID": "The group in which an app consumes; its app id unless given.",
        "publishingScopes": "Who may publish what: `app1=t1,t2;app2=t3`. An app not named there may do all.",
        "subscriptionScopes": "Who may subscribe to what, in the same form.",
        "allowedTopics": "The only topics that there are, for anybody: `t1,t2`.",
        "protectedTopics": "Topics that only apps named in the scopes may use: `t1,t2`.",
    },
    "state": {
        "keyPrefix": "What stands before a key in the store: `appid` (the default), `name`, `namespace`, "
                     "`none`, or a text.",
        "actorStateStore": "Accepted, without effect: there are no actors.",
        "primaryEncryptionKey": "Key of 16, 24 or 32 bytes in hexadecimal, by `secretKeyRef`: values are "
                                "stored encrypted with it, as by daprd. Needs "
                                "`pip install 'outboard[encryption]'`.",
        "secondaryEncryptionKey": "The key before that one: values encrypted with it can still be read.",
        "outboxPublishPubsub": "With `outboxPublishTopic`: each upsert of a transaction becomes an event "
                               "there, about a second after the transaction was done: one a second "
                               "for each partition of `outboxPubsub`.",
        "outboxPublishTopic": "The topic of those events.",
        "outboxPubsub": "Where they wait for their transaction; `outboxPublishPubsub` unless given.",
        "outboxDiscardWhenMissingState": "Drop an event whose transaction was not done; otherwise the broker "
                                         "keeps it.",
    },
    "secretstores": {},
}  # fmt: skip

EVENTS: Final[Mapping[str, str]] = {
    "log": "A line of an app or of its sidecar (`source` is `app` or `sidecar`); `level` is the sidecar's.",
    "caution": "Something will not be as one might expect; `text` says what.",
    "note": "What was decided where nothing was said; `text` says what.",
    "started": "An app was started, or started again.",
    "sidecar-started": "The daprd of an app was started (with `--engine daprd`).",
    "attach": "An app of `--attach` is waited for: whoever starts it gives it `environment`.",
    "found": "An app of `--attach` listens, for the first time or again.",
    "topology": "What an app takes and has, told once and after each change: `topics` (each with `pubsub`, "
    "`topic`, `routes`, `bulk`, `dead_letter_topic`, and in `remark` why it does not come as asked), "
    "`components`, `left_out` (each with its `reason`), `not_taken` (each with its `problem`), and why there "
    "is none in `remark`.",
    "untaken": "`app` has published to a topic that no app of this run takes, for the first time; `text` "
    "says so in a sentence, with the near name.",
    "ready": "Every app that is started here listens and gets its events, but for so many subscriptions as "
    "`not_taken` says.",
    "dashboard": "The [dashboard](dashboard.md) of the run is at `url`, whose token opens it in one browser, "
    "once.",
    "reloading": "Because of `changed` files, what `restarts` names (`app`, `sidecar`) of an app begins "
    "anew, begins, or ends; where that is empty its sidecar takes them as it runs. `reason` says why.",
    "reloaded": "`apps` get their events, but for so many subscriptions as `not_taken` says. `taken` is what "
    "sidecars took as they ran: `app`, `kind` and `name` of each resource, and its `change` (`created`, "
    "`updated`, `deleted`).",
    "reload-refused": "Changed files cannot be used: `apps` run on as they were, or everything does where "
    "none is named; `file` and `line` say where.",
    "slow": "An app gets no events yet, after so many `seconds`; `listens` tells whether it does on `port`, "
    "and `elsewhere` on which ports it listens instead.",
    "subscriptions-changed": "A restarted app subscribes to something that its sidecar does not know, and "
    "the sidecar is not restarted (without `--reload`).",
    "sidecar-failed": "After a change the sidecar of an app does not start, and waits for the next change.",
    "ended": "An app ended; `detail` says what that means for the others.",
    "stopping": "Everything is stopped.",
    "error": "Why it could not start, or ended: the last line. `file` and `line` where a file is at fault.",
    "stopped": "Nothing runs any more.",
}

RAISED_BY: Final[Mapping[str, str]] = {
    "CommandError": "the commands, and `Sidecar` options that contradict each other; exit code 2",
    "ComponentInitFailed": "the start of a sidecar, alone, under `outboard run` or in a test",
    "DuplicateSubscription": "`board.lifespan` at the start of the app",
    "EngineUnavailable": "`outboard engines`",
    "LogUnavailable": "`outboard topics`",
    "NotHeld": "`outboard topics skip` and `outboard topics dead-letter`",
    "EtagInvalid": "`State.save` and `State.delete` with an `etag`, and transactions",
    "EtagMismatch": "`State.save` and `State.delete` with an `etag`, and transactions",
    "EventTooLarge": "`publish` and `stage`, before anything is sent",
    "ExtraMissing": "`Outbox`, `board.inbox`",
    "HandlerUnsuitable": "`Topic.subscribe`, and `board.lifespan` at the start of the app",
    "InvalidCloudEvent": "`publish`, for attributes that no event may have; `published` of the harness",
    "InvalidEventData": "`publish` and `stage`, for data that is not of the topic's type, or could not be "
    "read as what it is; `published` of the harness",
    "EventVersionUnknown": "a handler's event, which becomes a dead letter; `published` of the harness",
    "UpcasterUnsuitable": "`Topic.upcast`, and `board.lifespan` at the start of the app",
    "InvalidName": "`Outboard`, `board.topic`, `board.state`, `subscribe`, and calls with a key or metadata",
    "ModelUnusable": "`board.topic` and `board.state`",
    "NotConnected": "`publish` and `State` outside of the app's lifespan and of `board.connected`",
    "WrongEventLoop": "`publish` and `State`, awaited on another event loop than the app's; nothing is sent",
    "EventLoopBlocked": "`Topic.sync` and `State.sync` on the event loop's own thread; nothing is sent",
    "NotConnectedInTest": "the same, while pytest runs",
    "NoSidecarInTest": "`publish` and `State` while pytest runs, at once, where no sidecar is there or named",
    "NotDurable": "the flush of a session with staged events, and a handler with the session of the inbox; "
    "it is logged",
    "NotMounted": "`board.lifespan` at the start of the app",
    "OutboxMissing": "`stage`",
    "OutboxFull": "the flush of a session with staged events, of an `Outbox` with a limit",
    "OutboxUnavailable": "`waiting`, `parked`, `retry` and `drop` of an `Outbox`; the relay logs it",
    "PortTaken": "`outboard run` and `outboard sidecar`",
    "PubSubNotFound": "`publish`",
    "PublishFailed": "`publish`, for everything else that the sidecar answers",
    "PublishForbidden": "`publish`",
    "ResourceError": "the reading of resource files and of `dapr.yaml`",
    "ResourcesInvalid": "the reading of resource files, where more than one is wrong",
    "RouterNotIncluded": "`board.lifespan` at the start of the app",
    "ServiceDied": "`outboard run`",
    "SettingInvalid": "`Outboard`, for an environment variable",
    "SidecarUnavailable": "`publish` and `State`, when the timeout is over and nobody was there",
    "SidecarSilent": "the same, where somebody is there and does not answer",
    "SidecarUnavailableInPod": "`SidecarUnavailable` in a pod of Kubernetes",
    "SidecarSilentInPod": "`SidecarSilent` in a pod of Kubernetes",
    "StateFailed": "`State`, for everything else that the sidecar answers",
    "StateInvalid": "`State`: a stored value not of the declared type, or one to be saved that is not, or "
    "could not be read again",
    "StateStoreNotFound": "`State`",
    "StateWithoutEtags": "a handler that takes the entry of a state inbox; the kit logs it",
    "TokenRejected": "`publish` and `State`",
    "NotStreaming": "`board.subscribed` and `board.run`",
    "UnexpectedGrpcAnswer": "the same over gRPC",
    "UnexpectedAnswer": "`publish` and `State`, for an answer that is not Dapr's; the relay keeps its events",
    "CommitInHandler": "`commit` of the inbox's session in a handler",
    "DeadLettersUnavailable": "what a `DeadLetters` is asked to do; the kit logs it where a letter comes",
    "InboxUnavailable": "a handler that takes the session of the inbox; the kit logs it",
}


def filled(text: str) -> str:
    """The page `text` with its generated parts as they should be."""
    return PART.sub(lambda part: f"{part['begin']}{GENERATED[part['name']]()}\n{part['end']}", text)


# The sidecar


def flags() -> str:
    rows = [(f"`--{flag.name}`", _default(flag), flag.help) for flag in FLAGS if not flag.inert]
    return table(("flag", "default", "meaning"), rows)


def inert_flags() -> str:
    return ", ".join(f"`--{flag.name}`" for flag in FLAGS if flag.inert) + "."


def _default(flag: Flag) -> str:
    if isinstance(flag.default, bool):
        return str(flag.default).lower()
    return f"`{flag.default}`" if flag.default else ""


def components() -> str:
    return "\n\n".join(_component(name) for name in sorted(FACTORIES))


def _component(name: str) -> str:
    described, known = COMPONENTS[name], FACTORIES[name]().METADATA.served
    refuse_difference(f"metadata of {name}", described, known)
    rows = [(f"`{item}`", code(described[item][0]), described[item][1]) for item in known]
    body = table(("metadata item", "default", "meaning"), rows) if rows else "No metadata items of its own."
    return f"### {name}\n\n{body}"


def category_metadata() -> str:
    rows: list[tuple[str, str, str]] = []
    for category, items in CATEGORY_METADATA.items():
        refuse_difference(f"metadata of {category}", CATEGORIES[category], items)
        rows += [(category, f"`{item}`", CATEGORIES[category][item]) for item in items]
    return table(("components", "metadata item", "meaning"), rows)


def differences() -> str:
    """What the conformance suite asks both sidecars about, and expects to differ."""
    listed = runpy.run_path(str(CONFORMANCE / "differences.py"))["DIFFERENCES"]
    return table(("here", "daprd", "why"), [(each.here, each.daprd, each.why) for each in listed])


def pubsub_promises() -> str:
    """What the contract suite holds each pub/sub component to, beyond what holds for all."""
    return _promises("pubsub_promises.py", "PUBSUBS")


def state_promises() -> str:
    """The same of the state stores."""
    return _promises("state_promises.py", "STATES")


def _promises(file: str, name: str) -> str:
    """Ours, and then daprd's own."""
    listed = runpy.run_path(str(CONTRACT / file))
    components = {**listed[name], **{f"daprd: {each}": it for each, it in listed[f"{name}_OF_DAPRD"].items()}}
    promises = [
        each for each in dataclasses.fields(next(iter(components.values()))) if "says" in each.metadata
    ]
    rows = [
        (each.metadata["says"], *(_promised(getattr(made, each.name)) for made in components.values()))
        for each in promises
    ]
    return table(("", *components), rows)


def _promised(value: bool | int | None) -> str:
    """Yes or no, or a limit."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "no limit" if value is None else f"{value:,}"


# `outboard run`


def settings() -> str:
    return table(("key in dapr.yaml", "option", "under `common`", "meaning"), map(_setting, SETTINGS))


def _setting(setting: Setting) -> tuple[str, str, str, str]:
    short = f", `-{setting.short}`" if setting.short else ""
    help = f"{setting.help} No effect here." if setting.flag in INERT else setting.help
    return f"`{setting.key}`", f"`--{setting.flag}`{short}", "yes" if setting.shared else "no", help


def output_events() -> str:
    refuse_difference("events", EVENTS, EVENT_NAMES.values())
    rows = [(f"`{name}`", _fields(kind), EVENTS[name]) for kind, name in EVENT_NAMES.items()]
    return table(("`event`", "more members", "meaning"), rows)


# Errors


def declaration_errors() -> str:
    return _errors(errors.DeclarationError)


def outbox_errors() -> str:
    return _errors(errors.OutboxError)


def sidecar_errors() -> str:
    return _errors(errors.SidecarError)


def event_errors() -> str:
    return "\n\n".join(
        map(_error, (errors.InvalidCloudEvent, errors.InvalidEventData, errors.EventVersionUnknown))
    )


def command_errors() -> str:
    others = (errors.InvalidCloudEvent, errors.InvalidEventData)
    return _errors(errors.OutboardError, without=others)


def _errors(base: type[Exception], without: Sequence[type[Exception]] = ()) -> str:
    """The errors directly below `base` that have data, in the order of their source."""
    refuse_difference("errors", RAISED_BY, [kind.__name__ for kind in _with_data()])
    return "\n\n".join(_error(kind) for kind in _with_data() if kind.__base__ is base and kind not in without)


def _with_data() -> list[type[Exception]]:
    found = [
        kind for kind in vars(errors).values() if inspect.isclass(kind) and dataclasses.is_dataclass(kind)
    ]
    return [kind for kind in found if issubclass(kind, errors.OutboardError)]


def _error(kind: type[Exception]) -> str:
    module = "outboard" if kind.__name__ in outboard.__all__ else "outboard.errors"
    message = " ".join(inspect.cleandoc(kind.__doc__ or "").split())
    return "\n".join([
        f"### {kind.__name__}",
        "",
        f"> {message}",
        "",
        f"Raised by {RAISED_BY[kind.__name__]}. Fields: {_fields(kind)}. Import it from `{module}`.",
    ])  # fmt: skip


# Markdown


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def code(text: str) -> str:
    return f"`{text}`" if text else ""


def _fields(kind: type) -> str:
    assert dataclasses.is_dataclass(kind)
    return ", ".join(f"`{field.name}`" for field in dataclasses.fields(kind))


def refuse_difference(what: str, described: Iterable[str], known: Iterable[str]) -> None:
    """Raises LookupError where something has no description, or a description has lost its object."""
    if difference := set(described) ^ set(known):
        raise LookupError(f"{what}: correct the descriptions in docs/generate.py of {sorted(difference)}")


GENERATED: Final[Mapping[str, Callable[[], str]]] = {
    "flags": flags,
    "inert-flags": inert_flags,
    "components": components,
    "category-metadata": category_metadata,
    "differences": differences,
    "pubsub-promises": pubsub_promises,
    "state-promises": state_promises,
    "settings": settings,
    "output-events": output_events,
    "event-errors": event_errors,
    "declaration-errors": declaration_errors,
    "sidecar-errors": sidecar_errors,
    "outbox-errors": outbox_errors,
    "command-errors": command_errors,
}


if __name__ == "__main__":
    for page in PAGES:
        page.write_text(filled(page.read_text(encoding="utf-8")), encoding="utf-8", newline="\n")
    runpy.run_path(str(Path(__file__).with_name("rule_pages.py")), run_name="__main__")
