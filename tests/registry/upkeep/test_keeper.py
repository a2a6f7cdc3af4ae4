"""What a server does for itself: purging, and forgetting old answers."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from sqlmodel import select

from registry.clock import now
from registry.context import Registry
from registry.home import open_home
from registry.storage.tables import Node, Request
from registry.upkeep import requests
from registry.upkeep.keeper import Keeper
from spiritsafe import errors
from spiritsafe.registry.v1 import model_pb2
from tests.registry.serving import Served


def remember(registry: Registry, *ages: int) -> None:
    """Requests that were answered so many microseconds ago."""
    with registry.database.write() as session:
        for number, age in enumerate(ages):
            row = Request(
                identity="ada", method="M", request_id=str(number), fingerprint="", response=b"", create_time=0
            )
            row.create_time = now() - age
            session.add(row)


def kept(registry: Registry) -> set[str]:
    with registry.database.read() as session:
        return set(session.exec(select(Request.request_id)))


def test_old_requests_are_forgotten_batch_by_batch(registry: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(requests, "BATCH_REQUESTS", 2)
    hour = 3_600_000_000
    remember(registry, *(requests.KEEP_MICROS + extra * hour for extra in (3, 2, 1)), requests.KEEP_MICROS - hour, 0)
    keeper = Keeper(registry.database)
    assert not Keeper(registry.database).work(lambda _: False), "another process has the lease"
    assert keeper.work(lambda _: True)
    assert kept(registry) == {"2", "3", "4"}
    assert keeper.work(lambda _: True)
    assert not keeper.work(lambda _: True)
    assert kept(registry) == {"3", "4"}


def test_a_server_purges_what_is_due(server: Served) -> None:
    create = model_pb2.CreateModelRequest(parent="namespaces/default", model_id="m")
    name = server.admin.models.CreateModel(create).model.name
    server.admin.models.DeleteModel(model_pb2.DeleteModelRequest(name=name))
    with server.registry.database.write() as session:
        session.exec(select(Node)).one().purge_time = now()
    keeper = Keeper(server.registry.database)
    assert keeper.work(lambda _: True)
    with pytest.raises(errors.NotFound):
        server.admin.models.GetModel(model_pb2.GetModelRequest(name=name))
    began = time.monotonic()
    assert not keeper.work(lambda _: True)
    assert time.monotonic() - began < 1


@pytest.mark.parametrize("days", ["-1", "soon", "1.5", "100000"])
def test_a_retention_that_cannot_be_is_refused(home: Path, monkeypatch: pytest.MonkeyPatch, days: str) -> None:
    monkeypatch.setenv("SPIRITSAFE_RETENTION_DAYS", days)
    with pytest.raises(errors.InvalidArgument) as refused:
        open_home(home)
    assert refused.value.violations[0].field == "SPIRITSAFE_RETENTION_DAYS"


def test_the_retention_is_a_setting(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPIRITSAFE_RETENTION_DAYS", "7")
    opened = open_home(home)
    assert opened.retention == 7 * 24 * 3600 * 1_000_000
    opened.database.close()
