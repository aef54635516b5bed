"""Dapr's resources beside components, as JSON Schema. Pure.

Source: Dapr's reference, "Resource specs", and the custom resource definitions of 1.18.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from outboard.schema.keywords import JsonSchema, closed, list_of, map_of, one_of_words, text

__all__ = [
    "AUTH",
    "ITEM",
    "METADATA",
    "SCOPES",
    "VERSION_1",
    "VERSION_2",
    "configuration_schema",
    "http_endpoint_schema",
    "resiliency_schema",
    "subscription_schema",
]

VERSION_1: Final = "dapr.io/v1alpha1"
VERSION_2: Final = "dapr.io/v2alpha1"
BOOLEAN: Final[JsonSchema] = {"type": "boolean"}
COUNT: Final[JsonSchema] = {"type": "integer", "minimum": 0}
DURATION: Final = r"^\s*([-+]?\d+|[-+]?((\d+(\.\d*)?|\.\d+)(ns|us|µs|μs|ms|s|m|h))+)\s*$|\{\{|\$\{"
METADATA: Final[JsonSchema] = {
    "type": "object",
    "description": "The name of the resource, and on Kubernetes its namespace.",
    "properties": {
        "name": text("What the resource is called.", minLength=1),
        "namespace": text("On Kubernetes: that of the pods which use it."),
        "labels": map_of(text()),
        "annotations": map_of(text()),
    },
    "required": ["name"],
}
SCOPES: Final = list_of(text(), "The ids of the apps that get it; all where there are none.")
AUTH: Final = closed({"secretStore": text("The component that secrets are read from.")})
SECRET: Final = closed(
    {
        "name": text("The secret, on Kubernetes the Secret of the same namespace."),
        "key": text("The key in it; its name where there is none."),
    },
    ["name"],
    "Where the value is, so that it does not stand here.",
)
VALUE: Final[JsonSchema] = {"description": "The value. A secret belongs under `secretKeyRef`."}
VALUE_OR_SECRET: Final = closed({"value": VALUE, "secretKeyRef": SECRET})
ITEM: Final = closed(
    {
        "name": text("The name of the field."),
        "value": VALUE,
        "secretKeyRef": SECRET,
        "envRef": text("The environment variable of the sidecar that has the value."),
    },
    ["name"],
    more={"anyOf": [{"required": [each]} for each in ("value", "secretKeyRef", "envRef")]},
)


def _resource(
    kind: str, version: str, spec: JsonSchema, *, scoped: bool = True, auth: bool = False
) -> JsonSchema:
    more = {**({"auth": AUTH} if auth else {}), **({"scopes": SCOPES} if scoped else {})}
    properties = {"apiVersion": {"const": version}, "kind": {"const": kind}, "metadata": METADATA}
    return closed({**properties, "spec": spec, **more}, ["apiVersion", "kind", "metadata", "spec"])


# Subscription


BULK: Final = closed(
    {
        "enabled": BOOLEAN,
        "maxMessagesCount": {**COUNT, "description": "Most events in one request; default 100."},
        "maxAwaitDurationMs": {**COUNT, "description": "Longest wait for them; default 1000."},
    },
    ["enabled"],
    "Events come to the app in bulk.",
)
SUBSCRIBED: Final[dict[str, JsonSchema]] = {
    "pubsubname": text("The pub/sub component."),
    "topic": text("The topic."),
    "deadLetterTopic": text("Where events go that were given up."),
    "metadata": {"type": ["object", "null"], "description": 'For instance `rawPayload: "true"`.'},
    "bulkSubscribe": BULK,
}


def subscription_schema(version: str) -> JsonSchema:
    """A Subscription in one of its two versions."""
    if version == VERSION_1:
        route = {"route": text("The path of the app that gets the events.")}
        return _resource(
            "Subscription", version, closed({**SUBSCRIBED, **route}, ["pubsubname", "topic", "route"])
        )
    rule = closed(
        {
            "match": text("A rule in CEL, as `event.type == 'created'`."),
            "path": text("The path of the app that gets what matches."),
        },
        ["match", "path"],
    )
    routes = closed(
        {
            "rules": list_of(rule, "The first that matches counts."),
            "default": text("The path where none does."),
        }
    )
    return _resource(
        "Subscription", version, closed({**SUBSCRIBED, "routes": routes}, ["pubsubname", "topic", "routes"])
    )


# Resiliency


def _duration(description: str) -> JsonSchema:
    message = "Write a duration, as `30s` or `1m30s`."
    return {
        "type": ["string", "integer"],
        "description": description,
        "pattern": DURATION,
        "patternErrorMessage": message,
        "examples": ["5s"],
    }


RETRY: Final = closed(
    {
        "policy": one_of_words(["constant", "exponential"], "The same pause each time, or a longer one."),
        "duration": _duration("The pause of `constant`; default 5s."),
        "maxInterval": _duration("The longest pause of `exponential`; default 60s."),
        "maxRetries": {"type": "integer", "description": "-1: for ever, which is the default."},
        "matching": closed(
            {
                "httpStatusCodes": text("What is tried again, as `429,500-599`."),
                "gRPCStatusCodes": text("What is tried again, as `2,4,14`."),
            }
        ),
    }
)
CIRCUIT_BREAKER: Final = closed(
    {
        "maxRequests": {**COUNT, "description": "Requests that may pass while it is half open; default 1."},
        "interval": _duration("After which counts are forgotten; default: never."),
        "timeout": _duration("How long it stays open; default 60s."),
        "trip": text("When it opens, in CEL; default `consecutiveFailures > 5`."),
    }
)
POLICY_NAMES: Final[dict[str, JsonSchema]] = {
    "timeout": text("The name of a timeout."),
    "retry": text("The name of a retry."),
    "circuitBreaker": text("The name of a circuit breaker."),
}
CACHE_SIZE: Final[dict[str, JsonSchema]] = {"circuitBreakerCacheSize": {"type": "integer"}}


def resiliency_schema() -> JsonSchema:
    """A Resiliency."""
    direction = closed(POLICY_NAMES)
    policies = closed(
        {
            "timeouts": map_of(_duration("The longest time that a call may take.")),
            "retries": map_of(RETRY, "Policies of trying again, by name."),
            "circuitBreakers": map_of(CIRCUIT_BREAKER, "Circuit breakers, by name."),
        }
    )
    actor = closed(
        {
            **POLICY_NAMES,
            **CACHE_SIZE,
            "circuitBreakerScope": one_of_words(["id", "type", "both"]),
        }
    )
    targets = closed(
        {
            "apps": map_of(closed({**POLICY_NAMES, **CACHE_SIZE}), "Calls to apps, by app id."),
            "components": map_of(
                closed({"inbound": direction, "outbound": direction}),
                "Components by name: `outbound` is what goes to them, `inbound` what comes to the app.",
            ),
            "actors": map_of(actor, "Calls to actors, by actor type."),
        }
    )
    resource = _resource("Resiliency", VERSION_1, closed({"policies": policies, "targets": targets}))
    # Dapr's own examples have a `version` beside the kind.
    return {**resource, "properties": {**_properties(resource), "version": text()}}


def _properties(schema: JsonSchema) -> Mapping[str, object]:
    found = schema["properties"]
    assert isinstance(found, Mapping)
    return found


# HTTPEndpoint


RENEGOTIATIONS: Final = ("Never", "OnceAsClient", "FreelyAsClient")


def http_endpoint_schema() -> JsonSchema:
    """An HTTPEndpoint."""
    renegotiation = one_of_words(
        [f"{prefix}{each}" for prefix in ("", "Renegotiate") for each in RENEGOTIATIONS]
    )
    pem = dict.fromkeys(("rootCA", "certificate", "privateKey"), VALUE_OR_SECRET)
    spec = closed(
        {
            "baseUrl": text("Where it is.", pattern=r"^https?://|\{\{|\$\{"),
            "headers": list_of(ITEM, "Headers that go with each call."),
            "clientTLS": closed({**pem, "renegotiation": renegotiation}),
        },
        ["baseUrl"],
    )
    return _resource("HTTPEndpoint", VERSION_1, spec, auth=True)


# Configuration


ACTION: Final = one_of_words(["allow", "deny"])
HANDLER: Final = closed(
    {
        "name": text("The middleware component."),
        "type": text("Its type, as `middleware.http.ratelimit`."),
        "version": text(),
        "selector": closed({"fields": list_of(closed({"field": text(), "value": text()}))}),
    },
    ["name", "type"],
)
PIPELINE: Final = closed({"handlers": list_of(HANDLER)})
API_RULES: Final = list_of(
    closed(
        {
            "name": text("The part of the API, as `state` or `publish`."),
            "version": text("As `v1.0`."),
            "protocol": one_of_words(["http", "grpc"]),
        },
        ["name", "version"],
    )
)
METRICS: Final = closed(
    {
        "enabled": BOOLEAN,
        "recordErrorCodes": BOOLEAN,
        "latencyDistributionBuckets": list_of({"type": "integer"}),
        "http": closed(
            {"increasedCardinality": BOOLEAN, "pathMatching": list_of(text()), "excludeVerbs": BOOLEAN}
        ),
        "rules": list_of(
            closed({"name": text(), "labels": list_of(closed({"name": text(), "regex": map_of(text())}))})
        ),
    },
    description="The sidecar's metrics.",
)
OPERATION: Final = closed({"name": text(), "httpVerb": list_of(text()), "action": ACTION}, ["name", "action"])
ACCESS: Final = closed(
    {
        "defaultAction": ACTION,
        "trustDomain": text(),
        "policies": list_of(
            closed(
                {
                    "appId": text("The app that calls."),
                    "namespace": text(),
                    "trustDomain": text(),
                    "defaultAction": ACTION,
                    "operations": list_of(OPERATION),
                },
                ["appId"],
            )
        ),
    },
    description="Who may call this app.",
)
OTEL: Final = closed(
    {
        "endpointAddress": text("As `collector:4317`."),
        "isSecure": BOOLEAN,
        "protocol": one_of_words(["grpc", "http"]),
        "headers": {"type": ["array", "string", "null"], "items": ITEM},
        "timeout": text(),
    }
)
TRACING: Final = closed(
    {
        "samplingRate": {"type": ["string", "number"], "description": 'From "0" to "1".'},
        "stdout": BOOLEAN,
        "otel": OTEL,
        "zipkin": closed({"endpointAddress": text()}),
    }
)
SECRET_SCOPE: Final = closed(
    {
        "storeName": text("The secret store."),
        "defaultAccess": ACTION,
        "allowedSecrets": list_of(text()),
        "deniedSecrets": list_of(text()),
    },
    ["storeName"],
)
LIMITS: Final = list_of(closed({"name": text(), "maxConcurrent": {"type": "integer"}}))
WORKFLOW: Final = closed(
    {
        **{
            f"{scope}Concurrent{kind}Invocations": {"type": "integer"}
            for scope in ("max", "globalMax")
            for kind in ("Activity", "Workflow")
        },
        "activityConcurrencyLimits": LIMITS,
        "workflowConcurrencyLimits": LIMITS,
        "stateRetentionPolicy": closed(
            {name: text() for name in ("anyTerminal", "completed", "failed", "terminated")}
        ),
    }
)
MTLS: Final = closed(
    {
        "enabled": BOOLEAN,
        "workloadCertTTL": text(),
        "allowedClockSkew": text(),
        "sentryAddress": text(),
        "controlPlaneTrustDomain": text(),
        "tokenValidators": list_of(closed({"name": one_of_words(["jwks"]), "options": {}})),
    }
)


def configuration_schema() -> JsonSchema:
    """A Configuration. Of other resources keys are taken in any case; here daprd wants them as they are."""
    logging = closed({"enabled": BOOLEAN, "obfuscateURLs": BOOLEAN, "omitHealthChecks": BOOLEAN})
    spec = closed(
        {
            "accessControl": ACCESS,
            "api": closed({"allowed": API_RULES, "denied": API_RULES}, description="Which APIs there are."),
            "appHttpPipeline": PIPELINE,
            "httpPipeline": PIPELINE,
            "components": closed({"deny": list_of(text("A type, as `bindings.smtp`."))}),
            "features": list_of(closed({"name": text(), "enabled": BOOLEAN}, ["name", "enabled"])),
            "logging": closed({"apiLogging": logging}),
            "metric": METRICS,
            "metrics": METRICS,
            "mtls": MTLS,
            "nameResolution": closed({"component": text(), "version": text(), "configuration": {}}),
            "secrets": closed({"scopes": list_of(SECRET_SCOPE)}),
            "tracing": TRACING,
            "wasm": closed({"strictSandbox": BOOLEAN}),
            "workflow": WORKFLOW,
        }
    )
    return _resource("Configuration", VERSION_1, spec)
