"""An MLflow server, read over REST: https://mlflow.org/docs/latest/api_reference/rest-api.html.

Files come through the server's artifact proxy (``mlflow-artifacts:`` addresses). What lies elsewhere, in a bucket or on
a disk that clients reach themselves, stays there.
"""

from __future__ import annotations

import base64
import http.client
import json
import os
import random
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote, urlencode, urlsplit

from cli.options import invalid
from spiritsafe.errors import DataLoss, NotFound, PermissionDenied, SpiritsafeError, Unavailable
from spiritsafe.rpc.retrying import RetryPolicy
from spiritsafe.transfer import CHUNK_BYTES, Progress

TOKEN_VARIABLE = "MLFLOW_TRACKING_TOKEN"  # noqa: S105 - the name of a variable, not a secret
USER_VARIABLE = "MLFLOW_TRACKING_USERNAME"
PASSWORD_VARIABLE = "MLFLOW_TRACKING_PASSWORD"  # noqa: S105 - likewise
PROXIED = "mlflow-artifacts"
PAGE_SIZE = 100
TIMEOUT_SECONDS = 60.0
RETRIES = RetryPolicy(attempts=5, first_wait_seconds=0.2)
# More than any model has; a folder that contains itself would have no end.
MAX_FILES = 100_000
_TRANSIENT = (408, 429, 500, 502, 503, 504)
_ERROR_BYTES = 2_000
ResultT = TypeVar("ResultT")


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """One artifact: its path inside the version, and the path that the proxy knows it by."""

    path: str
    size_bytes: int
    address: str


class MlflowServer:
    """``uri`` is http(s)://HOST[:PORT][/PREFIX]. Raises InvalidArgument for another one."""

    def __init__(self, uri: str, headers: Mapping[str, str] | None = None, retries: RetryPolicy = RETRIES) -> None:
        self.uri = uri.rstrip("/")
        parts = urlsplit(self.uri)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.username:
            remedy = f"write http(s)://HOST:PORT; who calls is said by {TOKEN_VARIABLE} or {USER_VARIABLE}"
            raise invalid("uri", f"{uri!r} is not the address of an MLflow server", remedy)
        self._host = parts.hostname
        self._headers = dict(headers or {})
        self._retries = retries

    @classmethod
    def from_environment(cls, uri: str, variables: Mapping[str, str] = os.environ) -> MlflowServer:
        """Logs in as MLflow's own client does: with a token, else a name and password, else not at all."""
        token, user = variables.get(TOKEN_VARIABLE, ""), variables.get(USER_VARIABLE, "")
        if token:
            return cls(uri, {"Authorization": f"Bearer {token}"})
        if user:
            pair = base64.b64encode(f"{user}:{variables.get(PASSWORD_VARIABLE, '')}".encode()).decode()
            return cls(uri, {"Authorization": f"Basic {pair}"})
        return cls(uri)

    def models(self) -> Iterator[dict[str, Any]]:
        """Every registered model, by name."""
        return self._pages("registered-models/search", {"order_by": "name ASC"}, "registered_models")

    def model(self, name: str) -> dict[str, Any]:
        """One registered model with its aliases. Raises NotFound."""
        return dict(self._get("registered-models/get", {"name": name})["registered_model"])

    def versions(self, model: str) -> list[dict[str, Any]]:
        """The versions of a model, the oldest first."""
        quoted = model.replace("'", "\\'")
        found = self._pages("model-versions/search", {"filter": f"name='{quoted}'"}, "model_versions")
        return sorted(found, key=lambda one: int(one["version"]))

    def run(self, run_id: str) -> dict[str, Any]:
        """The run that made a version; empty where it was deleted."""
        try:
            return dict(self._get("runs/get", {"run_id": run_id})["run"])
        except NotFound:
            return {}

    def artifacts_of(self, model: str, version: str) -> str:
        """The address of a version's artifacts."""
        found = self._get("model-versions/get-download-uri", {"name": model, "version": version})
        return str(found.get("artifact_uri", ""))

    def files(self, address: str) -> list[RemoteFile]:
        """Every file below a proxied address, by path."""
        root = urlsplit(address).path.strip("/")
        found = list(self._files_below(root, ""))
        return sorted(found, key=lambda file: file.path)

    def _files_below(self, root: str, path: str) -> Iterator[RemoteFile]:
        count, waiting = 0, [path]
        while waiting:
            folder = waiting.pop()
            query = {"path": "/".join(filter(None, (root, folder)))}
            for entry in self._get_artifacts("", query).get("files", []):
                # Named within the folder that was asked for.
                inside = "/".join(filter(None, (folder, entry["path"])))
                count += 1
                if count > MAX_FILES:
                    raise invalid("uri", f"{root} holds more than {MAX_FILES} files", "import fewer models at a time")
                if entry.get("is_dir"):
                    waiting.append(inside)
                else:
                    yield RemoteFile(inside, int(entry.get("file_size") or 0), f"{root}/{inside}")

    def fetch(self, file: RemoteFile, target: Path, progress: Progress) -> None:
        """Writes a file. Raises DataLoss where its size is not the one listed."""
        path = f"/api/2.0/mlflow-artifacts/artifacts/{quote(file.address)}"

        def attempt() -> None:
            done = 0
            with self._open(path) as answer, target.open("wb") as written:
                while chunk := answer.read(CHUNK_BYTES):
                    written.write(chunk)
                    done += len(chunk)
                    progress(file.path, done, file.size_bytes)
            if done < file.size_bytes:
                raise http.client.IncompleteRead(b"", file.size_bytes - done)
            if done > file.size_bytes:
                raise DataLoss(f"{file.path} has {done} bytes, and {file.size_bytes} were listed", reason="WRONG_SIZE")

        self._repeated(attempt)

    def _pages(self, path: str, query: Mapping[str, str], field: str) -> Iterator[dict[str, Any]]:
        token = ""
        while True:
            page = self._get(path, {**query, "max_results": str(PAGE_SIZE), **({"page_token": token} if token else {})})
            yield from page.get(field, [])
            token = page.get("next_page_token", "")
            if not token:
                return

    def _get(self, path: str, query: Mapping[str, str]) -> dict[str, Any]:
        return self._json(f"/api/2.0/mlflow/{path}?{urlencode(query)}")

    def _get_artifacts(self, path: str, query: Mapping[str, str]) -> dict[str, Any]:
        return self._json(f"/api/2.0/mlflow-artifacts/artifacts{path}?{urlencode(query)}")

    def _json(self, path: str) -> dict[str, Any]:
        def attempt() -> dict[str, Any]:
            with self._open(path) as answer:
                content = answer.read()
            try:
                return dict(json.loads(content))
            except ValueError as error:
                remedy = "name the address under which it answers /api/2.0/mlflow/"
                raise invalid("uri", f"{self.uri} does not answer like an MLflow server", remedy) from error

        return self._repeated(attempt)

    def _open(self, path: str) -> http.client.HTTPResponse:
        # http or https, as the constructor checked, and no file of this machine.
        request = urllib.request.Request(self.uri + path, headers=self._headers)  # noqa: S310
        answer: http.client.HTTPResponse = urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS)  # noqa: S310
        return answer

    def _repeated(self, attempt: Callable[[], ResultT]) -> ResultT:
        for number in range(1, self._retries.attempts + 1):
            try:
                return attempt()
            except urllib.error.HTTPError as error:
                with error:
                    told = error.read(_ERROR_BYTES)
                if error.code not in _TRANSIENT or number == self._retries.attempts:
                    raise self._refusal(error.code, told) from error
            except (OSError, http.client.HTTPException) as error:
                if number == self._retries.attempts:
                    raise self._silence(error) from error
            time.sleep(self._retries.wait_seconds(number, random.random()))  # noqa: S311 - no secret
        raise AssertionError("the last attempt returns or raises")

    def _refusal(self, status: int, told: bytes) -> SpiritsafeError:
        try:
            message = str(json.loads(told)["message"])
        except (ValueError, KeyError, TypeError):
            message = f"status {status}"
        words = f"the MLflow server says: {message}"
        if status == http.client.NOT_FOUND:
            return NotFound(words, reason="MLFLOW_NOT_FOUND", remedy="check the name on the server")
        if status in (http.client.UNAUTHORIZED, http.client.FORBIDDEN):
            remedy = f"set {TOKEN_VARIABLE}, or {USER_VARIABLE} and {PASSWORD_VARIABLE}"
            return PermissionDenied(words, reason="MLFLOW_REFUSED", remedy=remedy)
        if status in _TRANSIENT:
            return Unavailable(words, reason="MLFLOW_FAILED", remedy="see its log, and run the import again")
        return SpiritsafeError(words, reason="MLFLOW_REFUSED", remedy="check the address and the server's version")

    def _silence(self, error: Exception) -> Unavailable:
        return Unavailable(
            f"the MLflow server at {self._host} does not answer: {error}",
            reason="MLFLOW_UNREACHABLE",
            remedy="check the address and that it is running; the import goes on where it stopped",
        )
