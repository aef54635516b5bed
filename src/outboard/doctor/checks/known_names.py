"""The names that Dapr knows: annotations of pods, and types of components. Pure."""

from __future__ import annotations

import difflib
from collections.abc import Collection
from typing import Final

__all__ = ["ANNOTATIONS", "COMPONENT_TYPES", "PREFIX", "nearest"]

PREFIX: Final = "dapr.io/"
ANNOTATION_NAMES: Final = """
actors-disseminate-timeout api-token-secret app-binding-options-timeout app-channel-address
app-health-check-path app-health-probe-interval app-health-probe-timeout app-health-threshold app-id
app-max-concurrency app-port app-protocol app-ssl app-token-secret block-shutdown-duration
component-container config debug-port disable-builtin-k8s-secret-store disable-init-endpoints
enable-api-logging enable-app-health-check enable-debug enable-metrics enable-native-sidecar
enable-profiling enabled env env-from-secret graceful-shutdown-seconds grpc-port
http-max-request-size http-read-buffer-size inject-pluggable-components internal-grpc-port
log-as-json log-level max-body-size metrics-port placement-host-address pluggable-components
pluggable-components-sockets-folder read-buffer-size scheduler-host-address
sentry-request-jwt-audiences sidecar-cpu-limit sidecar-cpu-request sidecar-image
sidecar-listen-addresses sidecar-liveness-probe-delay-seconds sidecar-liveness-probe-period-seconds
sidecar-liveness-probe-threshold sidecar-liveness-probe-timeout-seconds sidecar-memory-limit
sidecar-memory-request sidecar-readiness-probe-delay-seconds sidecar-readiness-probe-period-seconds
sidecar-readiness-probe-threshold sidecar-readiness-probe-timeout-seconds
sidecar-seccomp-profile-type sidecar-svc-annotations unix-domain-socket-path volume-mounts
volume-mounts-rw
"""
TYPE_NAMES: Final = """
bindings.alicloud.dingtalk.webhook bindings.alicloud.oss bindings.alicloud.sls
bindings.alicloud.tablestore bindings.apns bindings.aws.dynamodb bindings.aws.kinesis
bindings.aws.s3 bindings.aws.ses bindings.aws.sns bindings.aws.sqs bindings.azure.blobstorage
bindings.azure.cosmosdb bindings.azure.cosmosdb.gremlinapi bindings.azure.eventgrid
bindings.azure.eventhubs bindings.azure.openai bindings.azure.servicebus.queues
bindings.azure.signalr bindings.azure.storagequeues bindings.cloudflare.queues
bindings.commercetools bindings.cron bindings.dubbo bindings.gcp.bucket bindings.gcp.pubsub
bindings.graphql bindings.http bindings.huawei.obs bindings.influx bindings.kafka bindings.kitex
bindings.kubemq bindings.kubernetes bindings.localstorage bindings.mqtt3 bindings.mysql
bindings.postgres bindings.postmark bindings.rabbitmq bindings.redis bindings.rethinkdb.statechange
bindings.rocketmq bindings.sftp bindings.smtp bindings.twilio.sendgrid bindings.twilio.sms
bindings.wasm bindings.zeebe.command bindings.zeebe.jobworker configuration.azure.appconfig
configuration.kubernetes configuration.postgresql configuration.redis conversation.anthropic
conversation.aws.bedrock conversation.deepseek conversation.echo conversation.googleai
conversation.huggingface conversation.mistral conversation.ollama conversation.openai
crypto.azure.keyvault crypto.jwks crypto.kubernetes.secrets crypto.localstorage lock.redis
middleware.bearer middleware.oauth2 middleware.oauth2clientcredentials middleware.opa
middleware.ratelimit middleware.routeralias middleware.routerchecker middleware.sentinel
middleware.wasm nameresolution.aws.cloudmap nameresolution.hashicorp.consul
nameresolution.kubernetes nameresolution.mdns nameresolution.nameformat nameresolution.sqlite
pubsub.aws.snssqs pubsub.azure.eventhubs pubsub.azure.servicebus.queues
pubsub.azure.servicebus.topics pubsub.gcp.pubsub pubsub.in-memory pubsub.jetstream pubsub.kafka
pubsub.kubemq pubsub.mqtt3 pubsub.pulsar pubsub.rabbitmq pubsub.redis pubsub.rocketmq
pubsub.solace.amqp secretstores.alicloud.parameterstore secretstores.aws.parameterstore
secretstores.aws.secretsmanager secretstores.azure.keyvault secretstores.gcp.secretmanager
secretstores.hashicorp.vault secretstores.huaweicloud.csms secretstores.kubernetes
secretstores.local.env secretstores.local.file secretstores.tencentcloud.ssm state.aerospike
state.alicloud.tablestore state.aws.dynamodb state.azure.blobstorage state.azure.cosmosdb
state.azure.tablestorage state.cassandra state.cloudflare.workerskv state.cockroachdb
state.coherence state.couchbase state.etcd state.gcp.firestore state.hashicorp.consul
state.hazelcast state.in-memory state.jetstream state.memcached state.mongodb state.mysql
state.oci.objectstorage state.oracledatabase state.postgresql state.ravendb state.redis
state.rethinkdb state.sqlite state.sqlserver state.zookeeper
"""
ANNOTATIONS: Final = frozenset(PREFIX + name for name in ANNOTATION_NAMES.split())
COMPONENT_TYPES: Final = frozenset(TYPE_NAMES.split())


def nearest(name: str, known: Collection[str]) -> str:
    """The one of `known` that is written nearly like `name`; empty where none is."""
    return next(iter(difflib.get_close_matches(name, sorted(known), n=1, cutoff=0.7)), "")
