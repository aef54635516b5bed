"""Set-ups in which something is wrong, each with the check that is to say so, written down before.

`expected` is the code of the one check that fails; the hops behind its own are not to be looked into. What
tries them gives none of these names to the program: a set-up is known to it by its folder alone, `case0`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

__all__ = ["APP", "INTACT", "SETUPS", "SetUp"]

APP = '''
"""A service in plain HTTP. What is wrong with it comes from the environment."""
import http.server, json, os, sys, time, urllib.error, urllib.request

ROUTE = os.environ.get("ROUTE", "/events")
SERVED = os.environ.get("SERVED", ROUTE)

class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        time.sleep(float(os.environ.get("HANGS", "0")) * 60)
        if self.path != "/dapr/subscribe":
            return self.answer(404, {})
        asked = os.environ.get("ASKS_TOKEN")
        if asked and self.headers.get("dapr-api-token") != asked:
            return self.answer(401, {})
        topics = os.environ.get("TOPICS", "").split()
        pubsub = os.environ.get("PUBSUB", "pubsub")
        body = [{"pubsubname": pubsub, "topic": topic, "route": ROUTE} for topic in topics]
        given = os.environ.get("SUBSCRIBE_BODY")
        self.answer(int(os.environ.get("SUBSCRIBE_STATUS", "200")), body, given)

    def do_OPTIONS(self):
        if os.environ.get("REDIRECTS"):
            return self.answer(307, {}, headers={"location": self.path + "/"})
        if self.path != SERVED:
            return self.answer(404, {})
        self.answer(405, {}, headers={"allow": os.environ.get("ALLOWS", "POST")})

    def do_POST(self):
        self.rfile.read(int(self.headers.get("content-length", 0)))
        print("GOT", self.path, flush=True)
        self.answer(int(os.environ.get("ANSWERS", "200")) if self.path == SERVED else 404, {})

    def answer(self, status, body, text=None, headers={}):
        content = (json.dumps(body) if text is None else text).encode()
        self.send_response(status)
        for name, value in {**headers, "content-type": "application/json"}.items():
            self.send_header(name, value)
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_):
        pass

def healthy():
    try:
        url = f"http://127.0.0.1:{os.environ['DAPR_HTTP_PORT']}/v1.0/healthz"
        return urllib.request.urlopen(url, timeout=5).status == 204
    except urllib.error.URLError:
        return False

print("BEGIN", flush=True)
if os.environ.get("EXITS"):
    sys.exit("ValueError: no database")
if os.environ.get("WAITS_FOR_SIDECAR"):
    while not healthy():
        time.sleep(0.05)
while os.environ.get("SLEEPS"):
    time.sleep(0.1)
port = int(os.environ.get("ON_PORT") or os.environ["APP_PORT"])
http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler).serve_forever()
'''
MEMORY = """\
apiVersion: dapr.io/v1alpha1
kind: Component
metadata: {name: pubsub}
spec: {type: pubsub.in-memory, version: v1}
"""
SQLITE = """\
apiVersion: dapr.io/v1alpha1
kind: Component
metadata: {name: pubsub}
spec:
  type: pubsub.sqlite
  version: v1
  metadata:
    - {name: connectionString, value: ../events.db}
    - {name: partitions, value: "2"}
"""
WITHOUT_AUTH = """\
apiVersion: dapr.io/v1alpha1
kind: Component
metadata: {name: kafka}
spec: {type: pubsub.kafka, version: v1, metadata: [{name: brokers, value: "127.0.0.1:1"}]}
"""
SECRET = """\
apiVersion: dapr.io/v1alpha1
kind: Component
metadata: {name: statestore}
spec:
  type: state.redis
  version: v1
  metadata:
    - {name: redisHost, value: "127.0.0.1:1"}
    - name: redisPassword
      secretKeyRef: {name: redis, key: password}
auth: {secretStore: vault}
"""
SUBSCRIPTION = """\
apiVersion: dapr.io/v2alpha1
kind: Subscription
metadata: {name: jobs}
spec: {pubsubname: pubsub, topic: jobs, routes: {default: /events}}
"""
BOTH = ("outboard", "daprd")
OURS = ("outboard",)
DAPRD = ("daprd",)


@dataclass(frozen=True)
class SetUp:
    """`variables` are the app's, `files` the resources (`MEMORY` where there is none named `pubsub.yaml`).

    `until` says how far the run has to come, in words of the test. `publish` are the topics of events
    that are published then, and `act` names something that is done then, as the test knows it. Of two apps
    the second, `other`, has `other` as its variables.
    """

    name: str
    expected: str
    variables: Mapping[str, str] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)
    keys: str = ""
    arguments: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    until: str = "ready"
    publish: tuple[str, ...] = ()
    act: str = ""
    engines: tuple[str, ...] = BOTH
    other: Mapping[str, str] | None = None
    no_port: bool = False


def scoped(text: str, scopes: str) -> str:
    return f"{text}scopes: {scopes}\n"


def with_metadata(text: str, item: str) -> str:
    return text.replace("version: v1}", f"version: v1, metadata: [{item}]}}")


JOBS = {"TOPICS": "jobs"}
ORDERS_ONLY = {"pubsub.yaml": scoped(MEMORY, "[orders]")}
OF_PROD = {"pubsub.yaml": MEMORY.replace("name: pubsub", "name: pubsub, namespace: prod")}
SCOPES = "{name: subscriptionScopes, value: 'worker=orders'}"
REFUSING = {"pubsub.yaml": with_metadata(MEMORY, SCOPES)}

SETUPS = (
    # The run and the app
    SetUp("the app dies at its start", "run-alive", {**JOBS, "EXITS": "1"}, until="ended"),
    SetUp("a component has no authType", "run-alive", JOBS, {"kafka.yaml": WITHOUT_AUTH}, until="ended"),
    SetUp("a file cannot be parsed", "run-alive", JOBS, {"x.yaml": "kind: [\n"}, until="ended"),
    SetUp("the app ends, and the others go on", "app-process", {**JOBS, "EXITS": "1"},
          arguments=("--keep-going",), until="ended-app", other={"TOPICS": "mails"}, engines=OURS),
    SetUp("the app listens on another port", "app-listening", {**JOBS, "ON_PORT": "{free}"}, until="open"),
    SetUp("the app opens no port", "app-listening", {**JOBS, "SLEEPS": "1"}, until="begun", engines=OURS),
    SetUp("another process has the port", "app-listening", {**JOBS, "SLEEPS": "1"}, until="begun",
          act="take the port", engines=OURS),
    SetUp("the app waits for a sidecar that waits for it", "app-waits-for-sidecar",
          {**JOBS, "WAITS_FOR_SIDECAR": "1"}, until="begun"),
    SetUp("the app answers nothing", "app-answers", {**JOBS, "HANGS": "1"}, until="listening"),
    SetUp("an attached app is not started", "app-listening", JOBS, arguments=("--attach", "worker"),
          until="attach"),
    SetUp("the app fails its health check", "app-healthy", JOBS, keys="enableAppHealthCheck: true"),
    SetUp("a subscribing app has no app port", "app-port", {**JOBS, "ON_PORT": "{free}"}, no_port=True,
          until="open"),
    SetUp("a file subscribes an app without a port", "app-port", {"SLEEPS": "1"},
          {"subscription.yaml": SUBSCRIPTION}, no_port=True, engines=OURS),
    # The components
    SetUp("a secret store is not there", "component-loaded", JOBS, {"state.yaml": SECRET}),
    # The subscriptions
    SetUp("the app asks for another token", "subscribe-answers", {**JOBS, "ASKS_TOKEN": "another"}),
    SetUp("/dapr/subscribe fails", "subscribe-answers", {**JOBS, "SUBSCRIBE_STATUS": "500"}),
    SetUp("/dapr/subscribe redirects", "subscribe-answers", {**JOBS, "SUBSCRIBE_STATUS": "307"}),
    SetUp("/dapr/subscribe is no JSON", "subscribe-answers", {**JOBS, "SUBSCRIBE_BODY": "<html>"}),
    SetUp("/dapr/subscribe is no list", "subscribe-answers", {**JOBS, "SUBSCRIBE_BODY": '{"topic": "jobs"}'}),
    SetUp("the app names another component", "subscription-component", {**JOBS, "PUBSUB": "pub-sub"}),
    SetUp("the component is scoped to another app", "subscription-component", JOBS, ORDERS_ONLY),
    SetUp("the component is of another namespace", "subscription-component", JOBS, OF_PROD,
          environment={"NAMESPACE": "test"}),
    SetUp("the component's file has another extension", "subscription-component", JOBS,
          {"pubsub.yaml": "", "pubsub.yaml.txt": MEMORY}),
    SetUp("the scopes do not let it subscribe", "subscription-allowed", JOBS, REFUSING),
    SetUp("published to a topic that is called alike", "topic-taken", JOBS, publish=("job",), engines=OURS),
    # The routes
    SetUp("the route is not served", "route-there", {**JOBS, "SERVED": "/other"}),
    SetUp("the route redirects", "route-there", {**JOBS, "REDIRECTS": "1"}),
    SetUp("the route takes no POST", "route-there", {**JOBS, "ALLOWS": "GET, HEAD"}, engines=OURS),
    SetUp("the handler answers 422", "route-answers", {**JOBS, "ANSWERS": "422"}, publish=("jobs",)),
    SetUp("the handler answers 403", "route-answers", {**JOBS, "ANSWERS": "403"}, publish=("jobs",)),
    # The broker and the group
    SetUp("the file of the broker is gone", "broker-reachable", JOBS, {"pubsub.yaml": SQLITE},
          act="remove the file", engines=OURS),
    SetUp("what waits is no CloudEvent", "event-format", JOBS, {"pubsub.yaml": SQLITE}, publish=("raw:jobs",),
          engines=OURS),
    SetUp("two apps share a group", "group-shared", JOBS,
          {"pubsub.yaml": SQLITE + "    - {name: consumerGroup, value: all}\n"}, other=JOBS, engines=OURS),
    SetUp("one event keeps the others waiting", "group-moves", {**JOBS, "ANSWERS": "500"},
          {"pubsub.yaml": SQLITE}, publish=("jobs", "jobs"), engines=OURS),
    # Two faults: the earlier one is told
    SetUp("another port, and a scoped component", "app-listening", {**JOBS, "ON_PORT": "{free}"}, ORDERS_ONLY,
          until="open"),
    SetUp("no secret store, and a route that is not served", "component-loaded", {**JOBS, "SERVED": "/other"},
          {"state.yaml": SECRET}),
    SetUp("a scoped component, and a route that is not served", "subscription-component",
          {**JOBS, "SERVED": "/other"}, ORDERS_ONLY),
    SetUp("refusing scopes, and a route that is not served", "subscription-allowed",
          {**JOBS, "SERVED": "/other"}, REFUSING),
    SetUp("a route that is not served, and an event that waits", "route-there", {**JOBS, "SERVED": "/other"},
          {"pubsub.yaml": SQLITE}, publish=("raw:jobs",), engines=OURS),
    SetUp("no token, and another component", "subscribe-answers",
          {**JOBS, "ASKS_TOKEN": "another", "PUBSUB": "pub-sub"}),
    SetUp("it answers nothing, and its route is not served", "app-answers",
          {**JOBS, "HANGS": "1", "SERVED": "/other"}, until="listening"),
    SetUp("it fails its health check, and the component is scoped", "app-healthy", JOBS, ORDERS_ONLY,
          keys="enableAppHealthCheck: true"),
    SetUp("a topic called alike, and a handler that answers 422", "topic-taken", {**JOBS, "ANSWERS": "422"},
          publish=("job", "jobs"), engines=OURS),
    SetUp("the file of the broker is gone, and a shared group", "broker-reachable", JOBS,
          {"pubsub.yaml": SQLITE + "    - {name: consumerGroup, value: all}\n"}, other=JOBS,
          act="remove the file", engines=OURS),
)  # fmt: skip

INTACT = (
    SetUp("one subscription", "", JOBS, publish=("jobs",)),
    SetUp("a publisher and a consumer", "", {}, other=JOBS, publish=("jobs",)),
    SetUp("a subscription in a file", "", {}, {"subscription.yaml": SUBSCRIPTION}, publish=("jobs",)),
    SetUp("a log in a file", "", JOBS, {"pubsub.yaml": SQLITE}, publish=("jobs", "jobs"), engines=OURS),
    SetUp("two groups of one log", "", JOBS, {"pubsub.yaml": SQLITE}, other=JOBS, publish=("jobs",),
          engines=OURS),
    SetUp("a component for others", "", JOBS,
          {"orders.yaml": scoped(MEMORY.replace("name: pubsub", "name: orders"), "[other-app]")}),
    SetUp("tokens are required", "", JOBS, arguments=("--tokens", "required")),
)  # fmt: skip
