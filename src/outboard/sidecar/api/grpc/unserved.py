"""The methods that this sidecar does not serve, answered as daprd answers without what they need.

That is: where there is no component of that kind, no placement and no scheduler service.
Source: the Dapr API reference; daprd 1.18 for the answers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Final, TypeVar

from dapr.proto.runtime.v1 import (
    ai_pb2,
    binding_pb2,
    configuration_pb2,
    crypto_pb2,
    jobs_pb2,
    lock_pb2,
)
from google.protobuf.message import Message

from outboard.sidecar.api.grpc.call import Call, Method, method
from outboard.sidecar.errors import ApiError, ErrorInfo

__all__ = ["unserved_methods"]

Asked = TypeVar("Asked", bound=Message)

ACTORS: Final = (
    "RegisterActorTimer", "UnregisterActorTimer", "RegisterActorReminder", "UnregisterActorReminder",
    "UnregisterActorRemindersByType", "ListActorReminders", "GetActorState", "GetActorReminder",
    "ExecuteActorStateTransaction", "InvokeActor",
)  # fmt: skip
WORKFLOWS: Final = tuple(
    f"{operation}Workflow{version}"
    for operation in ("Start", "Get", "Purge", "Terminate", "Pause", "Resume", "RaiseEvent")
    for version in ("Alpha1", "Beta1")
)
SUBTLE: Final = ("GetKey", "Encrypt", "Decrypt", "WrapKey", "UnwrapKey", "Sign", "Verify")
NO_OPTIONS: Final = "invalid request: first message does not contain the required options"


def unserved_methods(app_id: str, namespace: str) -> Mapping[str, Method]:
    """By name."""
    kinds = {
        "output bindings": {"InvokeBinding": _refusing(binding_pb2.InvokeBindingRequest, _bind)},
        "configuration stores": _configuration(),
        "locks": {
            "TryLockAlpha1": _refusing(lock_pb2.TryLockRequest, _lock),
            "UnlockAlpha1": _always(_no_lock),
        },
        "cryptography": _crypto(),
        "conversation": {
            "ConverseAlpha1": _refusing(ai_pb2.ConversationRequest, lambda asked: _no_model(asked.name)),
            "ConverseAlpha2": _refusing(
                ai_pb2.ConversationRequestAlpha2, lambda asked: _no_model(asked.name)
            ),
        },
        "jobs": _jobs(_Jobs(app_id, namespace)),
        "workflows": dict.fromkeys(WORKFLOWS, _always(_no_placement)),
        "actors": {
            **dict.fromkeys(ACTORS, _always(_no_placement)),
            "SubscribeActorEventsAlpha1": _always(_no_actor_channel),
        },
    }
    return {
        name: replace(each, unserved=kind)
        for kind, methods in kinds.items()
        for name, each in methods.items()
    }


def _refusing(asked: type[Asked], answer: Callable[[Asked], ApiError]) -> Method:
    """A method of which every call fails, with what `answer` makes of its request."""

    async def refuse(request: Asked, call: Call) -> Message:
        raise answer(request)

    return method(asked, refuse)


def _always(error: Callable[[], ApiError]) -> Method:
    """A method of which every call fails in the same way."""

    async def refuse(data: bytes, call: Call) -> Message:
        raise error()

    return Method(refuse)


def _configuration() -> Mapping[str, Method]:
    names = ("GetConfiguration", "SubscribeConfiguration")
    both = [f"{name}{version}" for name in names for version in ("Alpha1", "")]

    async def unsubscribe(asked: configuration_pb2.UnsubscribeConfigurationRequest, call: Call) -> Message:
        """Told in the answer, and not as an error: as in daprd."""
        reason = f"failed to unsubscribe to configuration request {asked.id}: subscription does not exist"
        return configuration_pb2.UnsubscribeConfigurationResponse(message=reason)

    leave = method(configuration_pb2.UnsubscribeConfigurationRequest, unsubscribe)
    gone = dict.fromkeys(("UnsubscribeConfigurationAlpha1", "UnsubscribeConfiguration"), leave)
    return {**dict.fromkeys(both, _always(_no_configuration)), **gone}


def _crypto() -> Mapping[str, Method]:
    return {
        "EncryptAlpha1": _refusing(crypto_pb2.EncryptRequest, _encrypt),
        "DecryptAlpha1": _refusing(crypto_pb2.DecryptRequest, _decrypt),
        **{f"Subtle{name}Alpha1": _always(_no_subtle_crypto) for name in SUBTLE},
    }


def _jobs(jobs: _Jobs) -> Mapping[str, Method]:
    methods: dict[str, Method] = {}
    for version in ("Alpha1", ""):
        methods |= {
            f"ScheduleJob{version}": _refusing(jobs_pb2.ScheduleJobRequest, jobs.schedule),
            f"GetJob{version}": _refusing(jobs_pb2.GetJobRequest, jobs.get),
            f"DeleteJob{version}": _refusing(jobs_pb2.DeleteJobRequest, jobs.delete),
            f"DeleteJobsByPrefix{version}": _always(lambda: jobs.failed("DELETE_JOB", "delete job")),
            f"ListJobs{version}": _always(lambda: jobs.failed("LIST_JOBS", "list jobs")),
        }
    return methods


# The answers


class _Jobs:
    """Of an API whose errors tell the app and its namespace."""

    def __init__(self, app_id: str, namespace: str) -> None:
        self._told = {"appID": app_id, "namespace": namespace}

    def schedule(self, asked: jobs_pb2.ScheduleJobRequest) -> ApiError:
        if not asked.HasField("job"):
            return self._error(400, "EMPTY", "Job is empty")
        if not asked.job.name:
            return self._nameless()
        if not asked.job.schedule and not asked.job.due_time:
            return self._error(400, "SCHEDULE_EMPTY", "Schedule is empty")
        return self.failed("SCHEDULE_JOB", "schedule job")

    def get(self, asked: jobs_pb2.GetJobRequest) -> ApiError:
        return self.failed("GET_JOB", "get job") if asked.name else self._nameless()

    def delete(self, asked: jobs_pb2.DeleteJobRequest) -> ApiError:
        return self.failed("DELETE_JOB", "delete job") if asked.name else self._nameless()

    def failed(self, reason: str, what: str) -> ApiError:
        return self._error(500, reason, f"failed to {what} due to: scheduler clients are disabled")

    def _nameless(self) -> ApiError:
        return self._error(400, "JOB_NAME_EMPTY", "Name is empty")

    def _error(self, status: int, reason: str, message: str) -> ApiError:
        code = f"DAPR_SCHEDULER_{reason}"
        return ApiError(status, code, message, ErrorInfo(code, self._told))


def _bind(asked: binding_pb2.InvokeBindingRequest) -> ApiError:
    why = f"couldn't find output binding {asked.name}"
    if not asked.operation:
        why = "operation field is missing from request"
    message = f"error invoking output binding {asked.name}: {why}"
    return ApiError(500, "ERR_INVOKE_OUTPUT_BINDING", message)


def _no_configuration() -> ApiError:
    return ApiError(500, "ERR_CONFIGURATION_STORE_NOT_CONFIGURED", "configuration stores not configured")


def _lock(asked: lock_pb2.TryLockRequest) -> ApiError:
    if asked.expiry_in_seconds > 0:
        return _no_lock()
    message = f"ExpiryInSeconds is not positive in lock store {asked.store_name}"
    return ApiError(400, "ERR_MALFORMED_REQUEST", message)


def _no_lock() -> ApiError:
    return ApiError(500, "ERR_LOCK_STORE_NOT_CONFIGURED", "lock store is not configured")


def _encrypt(asked: crypto_pb2.EncryptRequest) -> ApiError:
    if not asked.HasField("options"):
        return ApiError(400, "ERR_BAD_REQUEST", NO_OPTIONS)
    for value, name in (
        (asked.options.component_name, "componentName"),
        (asked.options.key_name, "keyName"),
        (asked.options.key_wrap_algorithm, "keyWrapAlgorithm"),
    ):
        if not value:
            message = f"invalid request: missing property '{name}' in the options message"
            return ApiError(400, "ERR_BAD_REQUEST", message)
    return _no_crypto()


def _decrypt(asked: crypto_pb2.DecryptRequest) -> ApiError:
    return _no_crypto() if asked.HasField("options") else ApiError(400, "ERR_BAD_REQUEST", NO_OPTIONS)


def _no_crypto() -> ApiError:
    return ApiError(500, "ERR_CRYPTO_PROVIDERS_NOT_CONFIGURED", "crypto providers not configured")


def _no_subtle_crypto() -> ApiError:
    return ApiError(501, "ERR_API_UNIMPLEMENTED", "this API is currently not implemented")


def _no_model(name: str) -> ApiError:
    return ApiError(400, "ERR_CONVERSATION_NOT_FOUND", f"failed finding conversation component {name}")


def _no_placement() -> ApiError:
    return ApiError(400, "ERR_ACTOR_NO_PLACEMENT", "placement service is not configured")


def _no_actor_channel() -> ApiError:
    return ApiError(400, "ERR_ACTOR_CALLBACK", "actor callback streaming requires a gRPC app channel")
