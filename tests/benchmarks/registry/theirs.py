"""MLflow in a virtual environment of its own: one worker process, called through its REST interface.

Not through its client library, which opens a connection for each call and checks answers at length: calls would measure
that. Its server writes no access log here, and nobody logs in: both are in its favour.
"""

from __future__ import annotations

import http.client
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from tests.benchmarks.registry.cloning import Cloner
from tests.benchmarks.registry.filling import Template
from tests.benchmarks.registry.places import Places, driver_url
from tests.benchmarks.registry.processes import cores, free_port, server, wait_for_port
from tests.benchmarks.registry.sizes import Sizes
from tests.benchmarks.registry.systems import Tags

VERSION = "3.17.2"
ALIAS = "production"
_ENVIRONMENT = {"MLFLOW_DISABLE_TELEMETRY": "true", "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
_BY_NUMBER = {"order_by": "version_number DESC"}
_PREFIX = "/api/2.0/mlflow/"
_LOST = (http.client.RemoteDisconnected, ConnectionError, http.client.CannotSendRequest)


class MlflowCaller:
    """Calls of one caller over one connection that is kept open."""

    def __init__(self, port: int) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=300)

    def create_model(self, slug: str) -> None:
        self._post("registered-models/create", {"name": slug})

    def create_version(self, slug: str, tags: Tags) -> None:
        pairs = [{"key": key, "value": value} for key, value in tags.items()]
        self._post("model-versions/create", {"name": slug, "source": "s3://bucket/model", "tags": pairs})

    def create_ready(self, slug: str, tags: Tags) -> None:
        """The same: a version is ready at once, its files are looked for by whoever loads it."""
        self.create_version(slug, tags)

    def read_channel(self, slug: str) -> object:
        return self._get("registered-models/alias", {"name": slug, "alias": ALIAS})

    def move_channel(self, slug: str, number: int) -> None:
        self._post("registered-models/alias", {"name": slug, "alias": ALIAS, "version": str(number)})

    def page(self, slug: str, size: int, token: str, *, by_number: bool = True) -> str:
        """Its own order, in which its client and its pages ask, is by the time of the last change."""
        order = _BY_NUMBER if by_number else {}
        return str(self._search(f"name='{slug}'", size, token, order).get("next_page_token", ""))

    def search(self, tags: Tags, size: int) -> int:
        condition = " AND ".join(f"tags.`{key}` = '{value}'" for key, value in tags.items())
        return len(self._search(condition, size, "", _BY_NUMBER).get("model_versions", []))

    def _search(self, condition: str, size: int, token: str, order: Mapping[str, str]) -> dict[str, Any]:
        query = {"filter": condition, "max_results": str(size), **order}
        return self._get("model-versions/search", query | ({"page_token": token} if token else {}))

    def _get(self, path: str, query: Mapping[str, str]) -> dict[str, Any]:
        return self._call("GET", f"{path}?{urlencode(query)}", None)

    def _post(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        return self._call("POST", path, json.dumps(body).encode())

    def _call(self, method: str, path: str, body: bytes | None) -> dict[str, Any]:
        headers = {"Content-Type": "application/json"} if body else {}
        try:
            return self._once(method, path, body, headers)
        except _LOST:
            # The server ends connections that were idle for five seconds.
            self._connection.close()
            return self._once(method, path, body, headers)

    def _once(self, method: str, path: str, body: bytes | None, headers: Mapping[str, str]) -> dict[str, Any]:
        self._connection.request(method, _PREFIX + path, body, dict(headers))
        answer = self._connection.getresponse()
        content = answer.read()
        if answer.status != 200:
            raise RuntimeError(f"{path}: {answer.status} {content[:300]!r}")
        found: dict[str, Any] = json.loads(content)
        return found


class Mlflow:
    """A server process."""

    def __init__(self, port: int) -> None:
        self._port = port

    def connect(self) -> MlflowCaller:
        return MlflowCaller(self._port)


@contextmanager
def filled(folder: Path, places: Places, sizes: Sizes) -> Iterator[Mlflow]:
    """A running server over a filled database."""
    database = places.address("mlflow")
    with _serving(folder, database) as mlflow:
        tables = Cloner(database)
        caller = mlflow.connect()
        template = Template(tables, caller)
        template.check(caller)
    template.fill(sizes)
    tables.close()
    with _serving(folder, database) as mlflow:
        yield mlflow


@contextmanager
def _serving(folder: Path, database: str) -> Iterator[Mlflow]:
    python, port = environment() / "bin" / "python", free_port()
    # Its SQLAlchemy would choose another driver than the one that its environment has.
    store = driver_url(database, "psycopg2")
    command = [str(python), "-m", "mlflow", "server", "--backend-store-uri", store, "--workers", "1"]
    command += ["--artifacts-destination", str(folder / "mlflow-artifacts"), "--host", "127.0.0.1"]
    command += ["--port", str(port), "--uvicorn-opts", "--log-level warning"]
    with server(command, folder / "mlflow.log", cores()[0], _ENVIRONMENT) as log:
        wait_for_port(port, log)
        yield Mlflow(port)


def environment() -> Path:
    """The virtual environment, made on first use below $XDG_CACHE_HOME from the package registry."""
    cache = Path(os.environ.get("XDG_CACHE_HOME", "") or Path.home() / ".cache")
    folder = cache / "spiritsafe-benchmarks" / f"mlflow-{VERSION}"
    stamp = folder / "complete"
    if not stamp.exists():
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(folder)], check=True)
        packages = [f"mlflow=={VERSION}", "psycopg2-binary"]
        subprocess.run([str(folder / "bin" / "pip"), "install", "--quiet", *packages], check=True)
        stamp.touch()
    return folder
