"""Fixtures of all registry tests: whatever stands on a home runs once on SQLite and once on PostgreSQL.

A module that needs another kind of home overrides ``home_options``.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from registry.context import Registry
from registry.home import open_home
from registry.storage.s3.settings import S3Settings
from spiritsafe.client import Client
from tests.registry.databases import POSTGRESQL, SQLITE, PostgreSQL, Prepare, homes, postgresql
from tests.registry.serving import Served, serve
from tests.s3.serving import ACCESS_KEY, REGION, SECRET_KEY, LocalS3, front, moto

PART_BYTES = 1 << 20


@pytest.fixture(scope="session", params=[SQLITE, POSTGRESQL])
def database_kind(request: pytest.FixtureRequest) -> str:
    """Which database the homes of a test have."""
    kind: str = request.param
    return kind


@pytest.fixture(scope="session")
def postgresql_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PostgreSQL]:
    """One server for all test processes."""
    base = tmp_path_factory.getbasetemp()
    # With pytest-xdist each process has a folder of its own below the common one.
    common = base.parent if os.environ.get("PYTEST_XDIST_WORKER") else base
    with postgresql(common / "postgresql") as server:
        yield server


@pytest.fixture(scope="session")
def server_of_homes(database_kind: str, request: pytest.FixtureRequest) -> PostgreSQL | None:
    """Started only where it is needed."""
    return request.getfixturevalue("postgresql_server") if database_kind == POSTGRESQL else None


@pytest.fixture(scope="module")
def prepare_home(server_of_homes: PostgreSQL | None) -> Iterator[Prepare]:
    """Makes homes that last as long as the module."""
    with homes(server_of_homes) as prepare:
        yield prepare


@pytest.fixture
def home_options() -> dict[str, Any]:
    """Arguments of ``open_home``."""
    return {}


@pytest.fixture
def home(tmp_path: Path, server_of_homes: PostgreSQL | None) -> Iterator[Path]:
    """The folder of a registry that is not set up yet."""
    with homes(server_of_homes) as prepare:
        yield prepare(tmp_path / "home")


@pytest.fixture
def registry(home: Path, home_options: dict[str, Any]) -> Iterator[Registry]:
    """The registry in ``home``."""
    opened = open_home(home, **home_options)
    yield opened
    opened.database.close()


@pytest.fixture(scope="session")
def moto_server() -> Iterator[tuple[str, int]]:
    """Host and port of an S3 server."""
    with moto() as address:
        yield address


@pytest.fixture
def s3(moto_server: tuple[str, int], monkeypatch: pytest.MonkeyPatch) -> Iterator[LocalS3]:
    """An S3 that can be told to fail, and credentials for it."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", ACCESS_KEY)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET_KEY)
    with front(moto_server) as running:
        yield running


@pytest.fixture
def bucket(s3: LocalS3) -> S3Settings:
    """An empty bucket, used with small parts and little patience."""
    from registry.storage.s3.bucket import Bucket

    settings = S3Settings(
        bucket=f"test-{uuid4().hex}",
        prefix="some/prefix/",
        endpoint=s3.endpoint,
        region=REGION,
        path_style=True,
        part_bytes=PART_BYTES,
        read_seconds=2.0,
        tries=3,
    )
    Bucket(settings).client.create_bucket(Bucket=settings.bucket)
    s3.asked.clear()
    return settings


@pytest.fixture
def server(home: Path, registry: Registry, tmp_path: Path) -> Iterator[Served]:
    """A real server over ``home`` on a unix socket."""
    with ExitStack() as stack:
        yield serve(home, registry, f"unix:{tmp_path}/socket", stack)


@pytest.fixture
def client(server: Served) -> Callable[..., Client]:
    """A factory: ``client("publisher", "releaser", identity="ada@example.com", namespaces=("default",))``."""
    return server.client


@pytest.fixture
def admin(server: Served) -> Client:
    """A client with every role, under the user's name."""
    return server.admin
