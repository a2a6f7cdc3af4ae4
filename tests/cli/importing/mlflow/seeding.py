"""An MLflow server with something in it, put there over REST as MLflow's own client does it."""

from __future__ import annotations

import json
import urllib.request
from typing import Any

CARD = b"---\nlicense: apache-2.0\n---\n# Ticket router\n"
WEIGHTS = b"safetensors " * 1_000
FILES = {
    "MLmodel": b"flavors: {}\n",
    "README.md": CARD,
    "conda.yaml": b"name: x\n",
    "deep/model.safetensors": WEIGHTS,
    "python_model.pkl": b"\x80\x04.",
}


class Seeder:
    """Writes to the server at ``uri``."""

    def __init__(self, uri: str) -> None:
        self._uri = uri

    def seed(self) -> None:
        """Two models: ``Ticket Router`` with three versions, and ``pickled``, of which nothing can be taken."""
        self._post(
            "registered-models/create",
            {"name": "Ticket Router", "description": "Routes tickets.", "tags": tags(team="support")},
        )
        self._post("registered-models/create", {"name": "pickled", "tags": tags(license="mit")})
        self._version("Ticket Router", FILES, description="The first.", tags=tags(quality="good"))
        self._version("Ticket Router", FILES | {"notes.txt": b"second"}, tags=tags(license="cc-by-nc-4.0"))
        self._post("model-versions/create", {"name": "Ticket Router", "source": "s3://elsewhere/model"})
        self._version("pickled", {"model.pkl": b"\x80\x04."})
        for alias, version in (("champion", "2"), ("Challenger", "1")):
            self._post("registered-models/alias", {"name": "Ticket Router", "alias": alias, "version": version})

    def _version(self, model: str, files: dict[str, bytes], **fields: Any) -> None:
        run = self._post("runs/create", {"experiment_id": "0"})["run"]["info"]
        self._post("runs/log-parameter", {"run_id": run["run_id"], "key": "learning_rate", "value": "0.001"})
        self._post("runs/log-metric", {"run_id": run["run_id"], "key": "accuracy", "value": 0.9, "timestamp": 1})
        folder = run["artifact_uri"].partition(":")[2].strip("/")
        for path, content in files.items():
            self._send("PUT", f"/api/2.0/mlflow-artifacts/artifacts/{folder}/model/{path}", content)
        source = f"{run['artifact_uri']}/model"
        self._post("model-versions/create", {"name": model, "source": source, "run_id": run["run_id"], **fields})

    def _post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self._send("POST", f"/api/2.0/mlflow/{path}", json.dumps(body).encode()))
        return found

    def _send(self, method: str, path: str, body: bytes) -> bytes:
        headers = {"Content-Type": "application/json" if method == "POST" else "application/octet-stream"}
        request = urllib.request.Request(self._uri + path, body, headers, method=method)
        with urllib.request.urlopen(request, timeout=60) as answer:
            content: bytes = answer.read()
        return content


def tags(**pairs: str) -> list[dict[str, str]]:
    return [{"key": key, "value": value} for key, value in pairs.items()]
