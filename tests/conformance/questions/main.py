"""The group that most questions share: one sidecar with everything that gets along with the rest."""

from __future__ import annotations

from conformance.question import Group
from conformance.questions import (
    access,
    bulk_publish,
    bulk_subscribe,
    delivery,
    outcomes,
    publish,
    publish_errors,
    publish_events,
    raw_answers,
    retries,
    routing,
    runtime,
    state_bulk,
    state_etags,
    state_keys,
    state_saving,
    state_transactions,
    state_ttl,
    state_values,
)
from conformance.questions.files import component, documents, resiliency
from conformance.sidecars import APP_ID

__all__ = ["FILES", "MAIN"]


def sqlite(name: str, file: str, **more: str) -> str:
    """A state store in a file; many questions at once on a busy disk may keep each other waiting."""
    place = f"{{folder}}/{file}.db"
    return component(name, "state.sqlite", connectionString=place, busyTimeout="30s", timeout="60s", **more)


PUBSUBS = documents(
    component("ps", "pubsub.in-memory"),
    component("scoped", "pubsub.in-memory", publishingScopes=f"{APP_ID}=free, also;else=other"),
    component("silent", "pubsub.in-memory", publishingScopes=f"{APP_ID}=", subscriptionScopes=f"{APP_ID}="),
    component("unmentioned", "pubsub.in-memory", publishingScopes="else=t", subscriptionScopes="else=t"),
    component("allowed", "pubsub.in-memory", allowedTopics="a, b,d", publishingScopes=f"{APP_ID}=b,d"),
    component(
        "protected",
        "pubsub.in-memory",
        protectedTopics="a,b,e",
        publishingScopes=f"{APP_ID}=b,e",
        subscriptionScopes=f"{APP_ID}=e",
    ),
    component("listening", "pubsub.in-memory", SUBSCRIPTIONSCOPES=f"{APP_ID}=heard"),
    component("spaced", "pubsub.in-memory", consumerID="{namespace}"),
    component("elsewhere", "pubsub.in-memory", scopes=["another-app"]),
    component("retrying", "pubsub.in-memory"),
    component("patient", "pubsub.in-memory"),
    component("choosy", "pubsub.in-memory"),
    component("growing", "pubsub.in-memory"),
    component("breaking", "pubsub.in-memory"),
)

STATES = documents(
    component("mem", "state.in-memory"),
    sqlite("lite", "state"),
    sqlite("by-app", "prefixes", keyPrefix="appid"),
    sqlite("by-app-upper", "prefixes", KEYPREFIX="AppId"),
    sqlite("by-name", "prefixes", keyPrefix="name"),
    sqlite("by-none", "prefixes", keyPrefix="none"),
    sqlite("by-text", "prefixes", keyPrefix="SomeText"),
    sqlite("by-namespace", "prefixes", keyPrefix="namespace"),
)

SECRETS = documents(
    component("env", "secretstores.local.env"),
    component("prefixed", "secretstores.local.env", prefix="SECRET_"),
    component("file", "secretstores.local.file", secretsFile="{folder}/secrets.json"),
    component("dotted", "secretstores.local.file", secretsFile="{folder}/secrets.json", nestedSeparator="."),
    component("leaves", "secretstores.local.file", secretsFile="{folder}/leaves.json"),
    component("multi", "secretstores.local.file", secretsFile="{folder}/secrets.json", multiValued="true"),
    component("odd", "secretstores.local.file", secretsFile="{folder}/odd.json", multiValued="true"),
)

SECRETS_FILE = """{
  "plain": "word", "html": "<b>&", "nested": {"deep": "value", "more": {"er": "x"}},
  "list": ["a", {"b": "c"}],
  "object": {}, "text:": "colon"
}"""

LEAVES_FILE = '{"number": 5, "float": 1.50, "big": 12345678901234567890, "flag": true, "none": null}'

# What is neither text nor an object at the top of a file with more than one value for a secret.
ODD_FILE = '{"plain": "word", "number": 5, "flag": true, "none": null, "list": ["a"]}'

POLICIES = resiliency(
    "policies",
    {
        "retries": {
            "twice": {"policy": "constant", "duration": "20ms", "maxRetries": 2},
            "some": {
                "policy": "constant",
                "duration": "20ms",
                "maxRetries": 2,
                "matching": {"httpStatusCodes": "429,500-504"},
            },
            "growing": {
                "policy": "exponential",
                "initialInterval": "20ms",
                "maxInterval": "100ms",
                "maxRetries": 3,
            },
        },
        "timeouts": {"short": "800ms"},
        "circuitBreakers": {"breaker": {"trip": "consecutiveFailures > 1", "timeout": "60s"}},
    },
    {
        "retrying": {"inbound": {"retry": "twice"}},
        "choosy": {"inbound": {"retry": "some"}},
        "growing": {"inbound": {"retry": "growing"}},
        "breaking": {"inbound": {"retry": "twice", "circuitBreaker": "breaker"}},
        "patient": {"inbound": {"retry": "twice", "timeout": "short"}},
    },
)

FILES = {
    "pubsubs.yaml": PUBSUBS,
    "resiliency.yaml": POLICIES,
    "secrets.yaml": SECRETS,
    "states.yaml": STATES,
    "../leaves.json": LEAVES_FILE,
    "../odd.json": ODD_FILE,
    "../secrets.json": SECRETS_FILE,
}

MAIN = Group(
    "main",
    (
        *publish.QUESTIONS,
        *publish_events.QUESTIONS,
        *publish_errors.QUESTIONS,
        *access.QUESTIONS,
        *bulk_publish.QUESTIONS,
        *outcomes.QUESTIONS,
        *retries.QUESTIONS,
        *delivery.QUESTIONS,
        *raw_answers.QUESTIONS,
        *routing.QUESTIONS,
        *bulk_subscribe.QUESTIONS,
        *state_values.QUESTIONS,
        *state_saving.QUESTIONS,
        *state_etags.QUESTIONS,
        *state_ttl.QUESTIONS,
        *state_bulk.QUESTIONS,
        *state_transactions.QUESTIONS,
        *state_keys.QUESTIONS,
        *runtime.QUESTIONS,
    ),
    FILES,
    environment={"COLOUR": "blue", "EMPTY": "", "SECRET_WORD": "hush", "NAMESPACE": "space"},
)
