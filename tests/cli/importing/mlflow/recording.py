"""Answers of a real MLflow server to what an import asks, recorded and given again over real HTTP.

``python -m tests.cli.importing.mlflow.recording`` records them anew, with a server of its own.
"""

from __future__ import annotations

import base64
import json
import tempfile
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from tests.benchmarks.registry.processes import free_port, server, wait_for_port
from tests.benchmarks.registry.theirs import environment
from tests.cli.importing.mlflow.seeding import Seeder

RECORDED = Path(__file__).with_name("recorded.json")
Answers = dict[str, dict[str, Any]]
"""Status and content, base64, of each path with its query."""


@dataclass
class Replay:
    """A server that gives recorded answers, or asks ``origin`` and records what that says.

    ``failures`` are statuses that it answers with first, one a request; ``headers`` what its callers sent last.
    """

    answers: Answers
    origin: str = ""
    failures: list[int] = field(default_factory=list)
    headers: dict[str, str] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    uri: str = ""

    def answer(self, path: str) -> tuple[int, bytes]:
        self.asked.append(path)
        if self.failures:
            return self.failures.pop(0), b'{"message": "try again"}'
        if self.origin:
            self.answers[path] = _ask(self.origin + path)
        found = self.answers.get(path)
        if found is None:
            return 404, json.dumps({"error_code": "RESOURCE_DOES_NOT_EXIST", "message": f"{path} is unknown"}).encode()
        return found["status"], base64.b64decode(found["content"])


def _ask(address: str) -> dict[str, Any]:
    try:
        with urllib.request.urlopen(address, timeout=60) as answer:
            status, content = answer.status, answer.read()
    except urllib.error.HTTPError as error:
        with error:
            status, content = error.code, error.read()
    return {"status": status, "content": base64.b64encode(content).decode()}


@contextmanager
def served(replay: Replay) -> Iterator[Replay]:
    """The replay behind a real port."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            replay.headers = dict(self.headers)
            status, content = replay.answer(self.path)
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as listening:
        thread = threading.Thread(target=listening.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        replay.uri = f"http://127.0.0.1:{listening.server_port}"
        try:
            yield replay
        finally:
            listening.shutdown()
            thread.join()


@contextmanager
def real_server(folder: Path) -> Iterator[str]:
    """The address of a seeded MLflow server in its own virtual environment, which is made on first use."""
    port = free_port()
    command = [str(environment() / "bin" / "python"), "-m", "mlflow", "server", "--workers", "1"]
    command += ["--backend-store-uri", f"sqlite:///{folder}/mlflow.db", "--host", "127.0.0.1", "--port", str(port)]
    command += ["--artifacts-destination", str(folder / "artifacts"), "--serve-artifacts"]
    quiet = {"MLFLOW_DISABLE_TELEMETRY": "true", "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
    with server(command, folder / "mlflow.log", {0}, quiet) as log:
        wait_for_port(port, log)
        uri = f"http://127.0.0.1:{port}"
        Seeder(uri).seed()
        yield uri


def record() -> Answers:
    """The answers of a real server to everything that an import asks of it."""
    from cli.importing.mlflow.importer import MlflowImporter
    from cli.importing.mlflow.server import MlflowServer
    from cli.session import connect
    from cli.transfer import bars

    with tempfile.TemporaryDirectory() as text, real_server(Path(text)) as origin, served(Replay({}, origin)) as proxy:
        importing = MlflowServer(proxy.uri)
        with connect(Path(text) / "home") as client:
            list(MlflowImporter(client, importing, "default", bars, lambda _: None).run(()))
        importing.model("Ticket Router")
        return proxy.answers


if __name__ == "__main__":
    RECORDED.write_text(json.dumps(record(), indent=1, sort_keys=True) + "\n")
