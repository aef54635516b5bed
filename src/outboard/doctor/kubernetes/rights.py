"""Who asks, and what he may do, by the reviews of the API, which change nothing."""

from __future__ import annotations

from typing import Final

from outboard.doctor.kubernetes.api import Access, ApiRefused
from outboard.doctor.kubernetes.together import together

__all__ = ["asked_rights", "who_asks"]

UNAUTHENTICATED: Final = 401
NEEDED: Final = (
    ("create", "apps", "deployments"),
    ("create", "", "services"),
    ("create", "", "secrets"),
    ("get", "", "secrets"),
    ("create", "dapr.io", "components"),
    ("create", "dapr.io", "subscriptions"),
)
"""What a system with Dapr is made of: verb, group, resource. Secrets are read too, to see whether those are
there that components refer to.
"""


async def who_asks(access: Access) -> str:
    """The name of the user; empty where the server does not tell, which old ones do not."""
    try:
        body = {"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}
        answer = await access.post("selfsubjectreviews", body, version="authentication.k8s.io/v1")
    except ApiRefused as refused:
        if refused.status == UNAUTHENTICATED:
            raise
        return ""
    name: str = answer["status"]["userInfo"].get("username", "")
    return name


async def asked_rights(
    access: Access, namespace: str, *, exists: bool | None
) -> tuple[tuple[str, bool | None], ...]:
    """For each that is needed to deploy, as `kubectl auth can-i` writes it, whether it is given. That to make
    the namespace is among them, unless it `exists`.
    """
    own = [_right(access, namespace, *each) for each in NEEDED]
    if exists is False:
        own.append(_right(access, "", "create", "", "namespaces"))
    return tuple(await together(*own))


async def _right(
    access: Access, namespace: str, verb: str, group: str, resource: str
) -> tuple[str, bool | None]:
    attributes = {"namespace": namespace, "verb": verb, "group": group, "resource": resource}
    body = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectAccessReview",
        "spec": {"resourceAttributes": attributes},
    }
    named = f"{verb} {resource}.{group}" if group else f"{verb} {resource}"
    try:
        answer = await access.post("selfsubjectaccessreviews", body, version="authorization.k8s.io/v1")
    except ApiRefused:  # the answer "not known" is told
        return named, None
    return named, bool(answer["status"]["allowed"])
