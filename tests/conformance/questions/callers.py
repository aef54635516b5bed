"""Who may call the API: tokens, origins of web pages, the public port."""

from __future__ import annotations

from dataclasses import replace

from conformance.question import (
    Group,
    Question,
    ask,
    subscribed,
)
from conformance.questions.files import documents
from conformance.questions.shared import DISCOVERY, JSON, PUBSUB, STATE

__all__ = ["GROUPS"]

TOKENS = Group(
    "tokens",
    (
        Question(
            "api-token",
            ("http: API token", "tokens: DAPR_API_TOKEN"),
            (
                ask("GET", "/v1.0/metadata"),
                ask("GET", "/v1.0/metadata", dapr_api_token="wrong"),
                ask("GET", "/v1.0/state/mem/k", dapr_api_token="sesame"),
                ask("GET", "/v1.0/state/mem/k", dapr_api_token=""),
                ask("GET", "/v1.0/state/mem/k", Dapr_Api_Token="sesame"),
                ask("GET", "/v1.0/state/mem/k", authorization="Bearer sesame"),
                ask("GET", "/v1.0/state/mem/k?dapr-api-token=sesame"),
                ask("GET", "/v1.0/healthz"),
                ask("GET", "/v1.0/healthz/outbound"),
                ask("GET", "/v1.0/unknown"),
                ask("POST", "/v1.0/healthz"),
                ask("POST", "/v1.0/shutdown"),
                ask("POST", "/v1.0/publish/ps/%zz", {}),
                ask(
                    "GET",
                    "/v1.0/metadata",
                    traceparent="00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
                ),
                ask("GET", "/v1.0/metadata", baggage="a=b"),
                ask("GET", "/v1.0/metadata", baggage="none"),
                ask("GET", "/v1.0/healthz", baggage="none"),
                ask("GET", "/v1.0/state/mem/k", baggage="a=b,c=d", dapr_api_token="sesame"),
                ask("GET", "/v1.0/state/mem/k", baggage="a=b, none;x", dapr_api_token="sesame"),
                ask("GET", "/v1.0/state/mem/k", baggage="", dapr_api_token="sesame"),
                ask("GET", "/v1.0/unknown", baggage="=", dapr_api_token="sesame"),
            ),
        ),
        Question(
            "app-token",
            ("delivery: dapr-api-token", "tokens: APP_API_TOKEN"),
            (
                ask(
                    "POST",
                    "/v1.0/publish/ps/with-token",
                    {"a": 1},
                    dapr_api_token="sesame",
                    content_type=JSON,
                ),
            ),
            (subscribed("with-token"),),
            paths=DISCOVERY,
            deliveries=3,
        ),
    ),
    {"components.yaml": documents(PUBSUB, STATE)},
    environment={"DAPR_API_TOKEN": "sesame", "APP_API_TOKEN": "open"},
)


ORIGINS = Group(
    "origins",
    (
        Question(
            "cors",
            ("http: allowed origins",),
            (
                ask("GET", "/v1.0/metadata", origin="http://one.test"),
                ask("GET", "/v1.0/metadata", origin="http://one.test", sec_fetch_site="cross-site"),
                ask("GET", "/v1.0/metadata"),
                ask(
                    "OPTIONS",
                    "/v1.0/state/mem",
                    origin="http://one.test",
                    access_control_request_method="POST",
                ),
                ask(
                    "OPTIONS",
                    "/v1.0/state/mem",
                    origin="http://three.test",
                    access_control_request_method="POST",
                ),
                ask(
                    "OPTIONS",
                    "/v1.0/state/mem",
                    origin="http://two.test",
                    access_control_request_method="TRACE",
                ),
                ask("OPTIONS", "/v1.0/state/mem"),
            ),
        ),
        Question(
            "other-origin",
            ("http: allowed origins",),
            (ask("GET", "/v1.0/metadata", origin="http://three.test"),),
        ),
        Question(
            "other-origin-form",
            ("http: allowed origins",),
            (
                ask(
                    "POST",
                    "/v1.0/publish/ps/from-a-form",
                    "a=b",
                    origin="http://three.test",
                    content_type="text/plain",
                ),
            ),
        ),
        Question(
            "other-site",
            ("http: allowed origins",),
            (ask("GET", "/v1.0/metadata", sec_fetch_site="cross-site", sec_fetch_mode="no-cors"),),
        ),
        Question(
            "other-host",
            ("http: allowed origins",),
            (ask("GET", "/v1.0/metadata", host="three.test"),),
        ),
        Question(
            "public-port",
            ("flags: public port",),
            tuple(
                replace(each, public=True)
                for each in (
                    ask("GET", "/v1.0/metadata"),
                    ask("GET", "/v1.0/healthz"),
                    ask("GET", "/v1.0/healthz/outbound"),
                    ask("GET", "/v1.0/state/mem/k"),
                    ask("PUT", "/v1.0/metadata/a", "b"),
                    ask("POST", "/v1.0/healthz"),
                    ask("GET", "/"),
                    ask("POST", "/v1.0/metadata"),
                )
            ),
        ),
    ),
    {"components.yaml": documents(PUBSUB, STATE)},
    ("--allowed-origins=http://one.test,http://two.test",),
    environment={"DAPR_API_TOKEN": ""},
)


ALL_ORIGINS = Group(
    "all-origins",
    (
        Question(
            "cors-all",
            ("http: allowed origins",),
            (
                ask("GET", "/v1.0/metadata", origin="http://x.test"),
                ask(
                    "OPTIONS",
                    "/v1.0/state/mem",
                    origin="http://x.test",
                    access_control_request_method="PUT",
                    access_control_request_headers="a, b",
                ),
            ),
        ),
    ),
    flags=("--allowed-origins=*",),
)


GROUPS = (TOKENS, ORIGINS, ALL_ORIGINS)
