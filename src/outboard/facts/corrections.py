"""What `components.json` does not say, or says otherwise than daprd does. Pure.

Source: daprd 1.18 and its components; where the two differ, daprd is right.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

__all__ = [
    "ALIASES",
    "ANONYMOUS",
    "CASE_SENSITIVE",
    "CATEGORY_FIELDS",
    "EXTRA_FIELDS",
    "MORE_VERSIONS",
    "NOT_REQUIRED",
    "OTHER_NAMES",
    "OWN_TYPES",
    "REMOVED_TYPES",
    "WIDER_VALUES",
]

HTTP_MIDDLEWARE: Final = (
    *("bearer", "oauth2", "oauth2clientcredentials", "opa", "ratelimit", "routeralias", "routerchecker"),
    *("sentinel", "wasm"),
)
OTHER_NAMES: Final[Mapping[str, str]] = {
    **{f"middleware.http.{name}": f"middleware.{name}" for name in HTTP_MIDDLEWARE},
    "middleware.http.uppercase": "",
    "bindings.alicloud.dubbo": "bindings.dubbo",
    "bindings.azure.servicebusqueues": "bindings.azure.servicebus.queues",
    "bindings.postgresql": "bindings.postgres",
    "conversation.azure.openai": "",
    "crypto.dapr.jwks": "crypto.jwks",
    "crypto.dapr.kubernetes.secrets": "crypto.kubernetes.secrets",
    "crypto.dapr.localstorage": "crypto.localstorage",
    "configuration.postgres": "configuration.postgresql",
    "nameresolution.consul": "nameresolution.hashicorp.consul",
    "pubsub.azure.servicebus": "pubsub.azure.servicebus.topics",
    "pubsub.azure.servicebusqueues": "pubsub.azure.servicebus.queues",
    "pubsub.mqtt": "pubsub.mqtt3",
    "pubsub.snssqs": "pubsub.aws.snssqs",
    "secretstores.aws.secretmanager": "secretstores.aws.secretsmanager",
    "secretstores.akeyless": "",
    "state.consul": "state.hashicorp.consul",
    "state.oceanbase": "",
    "state.postgres": "state.postgresql",
    "state.sqlite3": "state.sqlite",
    "state.yugabyte": "state.postgresql",
    "state.yugabytedb": "state.postgresql",
    "state.clickhouse": "",
}
"""Types that daprd registers under another name too, or that the facts leave out (then of nothing)."""

MORE_VERSIONS: Final[Mapping[str, tuple[str, ...]]] = {"state.cockroachdb": ("v2",), "state.etcd": ("v2",)}
"""Versions that daprd has beside those of the facts, with the same fields as the first."""

OWN_TYPES: Final = frozenset({"pubsub.sqlite"})
"""Types of Outboard's own sidecar, which daprd has not."""

REMOVED_TYPES: Final[Mapping[str, str]] = {
    "bindings.mqtt": "Use `bindings.mqtt3`.",
    "bindings.twitter": "",
    "pubsub.hazelcast": "",
    "pubsub.natsstreaming": "Use `pubsub.jetstream`.",
    "secretstores.local.localsecretstore": "Use `secretstores.local.file`.",
}
"""What earlier versions of Dapr had → what to do."""

CATEGORY_FIELDS: Final[Mapping[str, tuple[tuple[str, str], ...]]] = {
    "pubsub": (
        ("consumerID", "string"),
        ("publishingScopes", "string"),
        ("subscriptionScopes", "string"),
        ("allowedTopics", "string"),
        ("protectedTopics", "string"),
        ("concurrencyMode", "string"),
    ),
    "state": (
        ("keyPrefix", "string"),
        ("actorStateStore", "bool"),
        ("outboxPublishPubsub", "string"),
        ("outboxPublishTopic", "string"),
        ("outboxPubsub", "string"),
        ("outboxDiscardWhenMissingState", "bool"),
        ("primaryEncryptionKey", "string"),
        ("secondaryEncryptionKey", "string"),
        ("cleanupInterval", ""),
        ("cleanupIntervalInSeconds", "number"),
        ("ttlInSeconds", "number"),
    ),
    "bindings": (("direction", "string"), ("route", "string"), ("ttlInSeconds", "number")),
    "middleware": (("pathFilter", "string"),),
    "lock": (("keyPrefix", "string"),),
}
"""Fields that each component of a category takes: (name, type)."""

BACK_OFF: Final = tuple(
    (f"backOff{name}", "")
    for name in (
        *("Policy", "Duration", "InitialInterval", "MaxInterval", "Multiplier", "RandomizationFactor"),
        *("MaxElapsedTime", "MaxRetries"),
    )
)
KAFKA: Final = (("authRequired", "bool"), ("certificate", "string"), ("caCert", "string"), *BACK_OFF)
REDIS: Final = (
    *(("maxRetries", "number"), ("maxRetryBackoff", ""), ("host", "string"), ("password", "string")),
    *(("username", "string"), ("type", "string"), ("useAzureAD", "bool"), ("keyPrefix", "string")),
)
EXTRA_FIELDS: Final[Mapping[str, tuple[tuple[str, str], ...]]] = {
    "pubsub.kafka": KAFKA,
    "state.cockroachdb": (
        *(("tablePrefix", "string"), ("maxConns", "number"), ("queryExecMode", "string")),
        *((name, "string") for name in ("host", "hostaddr", "port", "database", "user", "password")),
    ),
    "bindings.kafka": (*KAFKA, ("topics", "string"), ("publishTopic", "string"), ("consumerID", "string")),
    "pubsub.in-memory": (("backlog", "number"), ("partitions", "number"), ("backOffDuration", "duration")),
    "pubsub.rabbitmq": (*BACK_OFF, ("hostname", "string"), ("host", "string")),
    **{f"{each}.redis": REDIS for each in ("pubsub", "state", "bindings", "configuration", "lock")},
}
"""Fields that one type takes: (name, type)."""

AZURE: Final = (
    "TenantId",
    "ClientId",
    "ClientSecret",
    "Certificate",
    "CertificateFile",
    "CertificatePassword",
)
ALIASES: Final[Mapping[str, tuple[str, ...]]] = {
    **{f"azure{name}": (f"spn{name}", f"{name[0].lower()}{name[1:]}") for name in AZURE},
    "accountName": ("storageAccount", "storageAccountName"),
    "accountKey": ("storageAccessKey", "storageAccountKey", "accessKey"),
    "containerName": ("container", "storageContainerName"),
    "queueName": ("queue", "queue_name", "storageAccountQueue"),
    "notifyChannel": ("pgNotifyChannel",),
    "publishInitialRetryIntervalInMs": ("publishInitialRetryInternalInMs",),
    "tableName": ("table",),
    "endpoint": ("storageEndpoint",),
    "namespaceName": ("namespace",),
    "useEntraID": ("useAzureAD",),
    "useAzureAD": ("useEntraID",),
    "connectionString": ("url",),
    "projectID": ("project_id",),
    "privateKeyID": ("private_key_id",),
    "privateKey": ("private_key",),
    "clientEmail": ("client_email",),
    "clientID": ("client_id", "clientId"),
    "authURI": ("auth_uri",),
    "tokenURI": ("token_uri",),
    "authProviderX509CertURL": ("auth_provider_x509_cert_url",),
    "clientX509CertURL": ("client_x509_cert_url",),
}
"""Other names that components know a field by: name → others."""

WIDER_VALUES: Final[Mapping[str, tuple[str, ...]]] = {
    "authType": ("certificate",),
    "saslMechanism": ("PLAIN",),
    "redisType": ("sentinel",),
    "azureEnvironment": ("AzureCloud", "AzureUSGovernment", "AzurePublic", "AzureChina"),
}
"""What a field may be beside what the facts say."""

NOT_REQUIRED: Final[Mapping[str, frozenset[str]]] = {
    each: frozenset(names.split())
    for each, names in {
        "bindings.alicloud.oss": "objectKey",
        "bindings.alicloud.sls": "project logstore topic source",
        "bindings.alicloud.tablestore": "accessKeySecret accessKey",
        "bindings.aws.ses": "emailFrom emailTo subject",
        "bindings.azure.eventgrid": "subscriberEndpoint handshakePort scope accessKey topicEndpoint",
        "bindings.azure.eventhubs": "consumerID storageAccountName storageContainerName",
        "bindings.dubbo": "interfaceName methodName",
        "bindings.influx": "measurement",
        "bindings.kafka": "publishTopic saslMechanism caCert clientCert clientKey",
        "bindings.kitex": "serviceName methodName destService hostPorts",
        "bindings.localstorage": "fileName",
        "bindings.rocketmq": "topics",
        "bindings.smtp": "emailFrom emailTo subject",
        "bindings.twilio.sendgrid": "emailFrom emailTo subject",
        "bindings.twilio.sms": "toNumber",
        "middleware.bearer": "jwksURL",
        "middleware.ratelimit": "maxRequestsPerSecond",
        "middleware.oauth2clientcredentials": "headerName",
        "nameresolution.hashicorp.consul": "address",
        "pubsub.azure.eventhubs": "consumerID storageAccountName storageContainerName",
        "pubsub.jetstream": "deliverPolicy natsURL",
        "pubsub.kafka": "saslMechanism caCert clientCert clientKey",
        "secretstores.hashicorp.vault": "vaultTokenMountPath vaultToken",
        "state.cloudflare.workerskv": "key",
        "state.coherence": "serverAddress",
        "state.hashicorp.consul": "aclToken scheme keyPrefixPath",
        **{f"{each}.redis": "enableTLS" for each in ("pubsub", "state", "bindings", "configuration", "lock")},
    }.items()
}
"""What the facts call required, and components do without: by a default, or asking each request for it."""

ANONYMOUS: Final = frozenset({
    *("bindings.aws.dynamodb", "bindings.aws.kinesis", "bindings.aws.s3", "bindings.aws.ses"),
    *("bindings.aws.sns", "bindings.aws.sqs", "bindings.gcp.bucket", "bindings.gcp.pubsub"),
    *("bindings.huawei.obs", "bindings.kubemq", "bindings.mqtt3", "bindings.rethinkdb.statechange"),
    *("bindings.rocketmq", "bindings.smtp", "bindings.alicloud.tablestore"),
    *("configuration.azure.appconfig", "conversation.anthropic", "conversation.aws.bedrock"),
    *("conversation.deepseek", "conversation.googleai", "conversation.huggingface"),
    *("conversation.mistral", "conversation.openai", "pubsub.aws.snssqs", "pubsub.gcp.pubsub"),
    *("pubsub.jetstream", "pubsub.kubemq", "pubsub.rocketmq", "pubsub.solace.amqp"),
    *("secretstores.gcp.secretmanager", "secretstores.huaweicloud.csms", "state.alicloud.tablestore"),
    *("state.cassandra", "state.couchbase", "state.etcd", "state.gcp.firestore", "state.mongodb"),
    *("state.oci.objectstorage", "state.ravendb", "state.rethinkdb"),
    *("secretstores.alicloud.parameterstore", "secretstores.tencentcloud.ssm"),
})  # fmt: skip
"""Types that may do without any field of their profiles: by the machine's own identity, or with none."""

CASE_SENSITIVE: Final[Mapping[str, frozenset[str]]] = {
    "pubsub.kafka": frozenset({
        *("initialOffset", "caCert", "consumerFetchMin", "consumerFetchDefault", "channelBufferSize"),
        *(name for name, _ in BACK_OFF),
    }),
}  # fmt: skip
"""Fields that are read in exactly this case; of all others case does not count."""
