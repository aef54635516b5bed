from __future__ import annotations

from collections.abc import Mapping

import pytest

from outboard.resources.resiliency import Policies
from outboard.sidecar.components.port import ComponentError, Traits
from outboard.sidecar.errors import ApiError
from outboard.sidecar.logs import SidecarLog
from outboard.sidecar.resiliency.guard import Resilience
from outboard.sidecar.secrets.service import LoadedSecretStore, SecretService
from support.sidecars import AutojumpClock

pytestmark = pytest.mark.anyio

SECRETS = {"open": {"open": "1"}, "closed": {"closed": "2"}}


class Store:
    traits = Traits()

    async def get(self, name: str) -> Mapping[str, str]:
        if name not in SECRETS:
            raise ComponentError(f"secret {name} not found")
        return SECRETS[name]

    async def get_all(self) -> Mapping[str, Mapping[str, str]]:
        return SECRETS

    async def close(self) -> None: ...


def may_read(store: str, key: str) -> bool:
    return key != "closed"


def service_with(*names: str) -> SecretService:
    resilience = Resilience(AutojumpClock(), lambda: 0.5, SidecarLog("api", "info", "v"))
    stores = {
        name: LoadedSecretStore(name, Store(), resilience.guard(name, "output", Policies())) for name in names
    }
    return SecretService(stores, may_read)


async def test_what_the_configuration_keeps_from_the_app_is_not_told() -> None:
    service = service_with("s")
    assert await service.get("s", "open") == {"open": "1"}
    assert await service.get_all("s") == {"open": {"open": "1"}}
    with pytest.raises(ApiError, match='access denied by policy to get "closed" from "s"') as caught:
        await service.get("s", "closed")
    assert (caught.value.status, caught.value.code) == (403, "ERR_PERMISSION_DENIED")


@pytest.mark.parametrize(
    ("names", "key", "status", "code"),
    [
        ((), "open", 500, "ERR_SECRET_STORES_NOT_CONFIGURED"),
        (("other",), "open", 401, "ERR_SECRET_STORE_NOT_FOUND"),
        (("s",), "missing", 500, "ERR_SECRET_GET"),
    ],
)
async def test_what_cannot_be_read_has_daprd_s_code(
    names: tuple[str, ...], key: str, status: int, code: str
) -> None:
    with pytest.raises(ApiError) as caught:
        await service_with(*names).get("s", key)
    assert (caught.value.status, caught.value.code) == (status, code)
