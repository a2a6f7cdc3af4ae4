"""Both clients have every service of the contract."""

from __future__ import annotations

import asyncio

from spiritsafe import AsyncClient, Client
from spiritsafe.rpc.permissions import DISTILL_FILES, REGISTRY_FILES

SERVICES = {name for file in REGISTRY_FILES + DISTILL_FILES for name in file.services_by_name}


def stubs(client: object) -> dict[str, str]:
    """The services of a client by its attributes."""
    kinds = {name: type(value).__name__ for name, value in vars(client).items()}
    return {name: kind.removesuffix("Stub") for name, kind in kinds.items() if kind.endswith("ServiceStub")}


def test_both_clients_have_every_service_under_the_same_name() -> None:
    async def asynchronous() -> dict[str, str]:
        async with AsyncClient("unix:/nowhere") as client:
            return stubs(client)

    with Client("unix:/nowhere") as client:
        found = stubs(client)
    assert set(found.values()) == SERVICES
    assert asyncio.run(asynchronous()) == found
