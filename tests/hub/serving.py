"""A hub on this machine: it speaks what huggingface_hub asks of huggingface.co, and fails in the ways that one does."""

from __future__ import annotations

import hashlib
import json
import re
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote, urlsplit

# Files that the real hub keeps in large file storage.
LARGE = (".safetensors", ".bin", ".gguf", ".parquet")
TOKEN = "hf_of-a-person-who-accepted"
_API = re.compile(r"/api/(?P<kind>models|datasets)/(?P<repo>[^/]+/[^/]+)(?:/revision/(?P<revision>[^/]+))?")
_RESOLVE = re.compile(r"/(?P<kind>datasets/)?(?P<repo>[^/]+/[^/]+)/resolve/(?P<revision>[^/]+)/(?P<path>.+)")
_RANGE = re.compile(r"bytes=(\d+)-(\d*)")
Card = Mapping[str, Any]


@dataclass
class Commit:
    """Files by path, and what the card says."""

    files: dict[str, bytes]
    card: Card
    tags: tuple[str, ...] = ()

    @property
    def sha(self) -> str:
        marks = sorted((path, hashlib.sha256(content).hexdigest()) for path, content in self.files.items())
        return hashlib.sha1(json.dumps([marks, dict(self.card)]).encode()).hexdigest()


@dataclass
class Repo:
    """Commits by id, and branches and tags by name."""

    name: str
    gated: bool = False
    private: bool = False
    commits: dict[str, Commit] = field(default_factory=dict)
    refs: dict[str, str] = field(default_factory=dict)

    def commit(
        self, files: Mapping[str, bytes] | None = None, card: Card | None = None, tags: tuple[str, ...] = ()
    ) -> str:
        """Adds a commit to the branch main and gives its id."""
        new = Commit(dict(files or {"config.json": b"{}"}), dict(card or {}), tags)
        self.commits[new.sha] = new
        self.refs["main"] = new.sha
        return new.sha


@dataclass
class Fault:
    """What answers the next ``times`` requests of a method whose path contains ``part``, instead of the hub.

    Without a ``status`` the answer is the usual one with other ``headers``, broken off after ``cut`` bytes of its body
    (as though complete, with ``quiet``), or with its body replaced by ``body``.
    """

    part: str
    status: int = 0
    method: str = "GET"
    headers: Mapping[str, str] = field(default_factory=dict)
    times: int = 1
    cut: int | None = None
    quiet: bool = False
    body: bytes | None = None


class LocalHub:
    """Repositories, faults, and a record of what was asked: (method, path, headers)."""

    def __init__(self) -> None:
        self.repos: dict[tuple[str, str], Repo] = {}
        self.faults: list[Fault] = []
        self.asked: list[tuple[str, str, Mapping[str, str]]] = []
        self.port = 0

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def model(
        self,
        name: str,
        card: Card | None = None,
        files: Mapping[str, bytes] | None = None,
        tags: tuple[str, ...] = (),
        **fields: Any,
    ) -> str:
        """A repository of models with one commit, whose id is given."""
        repo = self.repos["models", name] = Repo(name, **fields)
        return repo.commit(files, card, tags)

    def dataset(self, name: str, card: Card | None = None, files: Mapping[str, bytes] | None = None) -> str:
        repo = self.repos["datasets", name] = Repo(name)
        return repo.commit(files, card)

    def paths(self, method: str = "GET") -> list[str]:
        """What was asked for with the method, in order."""
        return [path for asked, path, _ in self.asked if asked == method]

    def blob(self, sha256: str) -> bytes | None:
        """The content of a large file."""
        for repo in self.repos.values():
            for commit in repo.commits.values():
                for content in commit.files.values():
                    if hashlib.sha256(content).hexdigest() == sha256:
                        return content
        return None

    def fault(self, method: str, path: str) -> Fault | None:
        for fault in self.faults:
            if fault.method == method and fault.part in path and fault.times:
                fault.times -= 1
                return fault
        return None


def large(path: str) -> bool:
    return path.endswith(LARGE)


def git_oid(content: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


def sibling(path: str, content: bytes) -> dict[str, Any]:
    """A file as the hub lists it."""
    entry: dict[str, Any] = {"rfilename": path, "size": len(content), "blobId": git_oid(content)}
    if large(path):
        digest = hashlib.sha256(content).hexdigest()
        entry["lfs"] = {"sha256": digest, "size": len(content), "pointerSize": 134}
    return entry


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    hub: LocalHub

    def do_GET(self) -> None:
        self._answer("GET")

    def do_HEAD(self) -> None:
        self._answer("HEAD")

    def log_message(self, format: str, *arguments: Any) -> None:  # noqa: A002 - the base's name
        """The record is in ``LocalHub.asked``."""

    def _answer(self, method: str) -> None:
        path = unquote(urlsplit(self.path).path)
        self.hub.asked.append((method, path, {name.lower(): value for name, value in self.headers.items()}))
        fault = self.hub.fault(method, path)
        if fault is not None and fault.status:
            self._send(fault.status, fault.body or b"{}", fault.headers)
        elif path.startswith("/cdn/"):
            self._blob(path.removeprefix("/cdn/"), fault)
        elif found := _API.fullmatch(path):
            self._describe(found["kind"], found["repo"], found["revision"] or "main", fault)
        elif found := _RESOLVE.fullmatch(path):
            self._resolve(
                "datasets" if found["kind"] else "models", found["repo"], found["revision"], found["path"], fault
            )
        else:
            self._error(404, "RepoNotFound")

    def _repo(self, kind: str, name: str, *, files: bool) -> Repo | None:
        repo = next(
            (one for (k, n), one in self.hub.repos.items() if (k, n.casefold()) == (kind, name.casefold())), None
        )
        trusted = self.headers.get("authorization") == f"Bearer {TOKEN}"
        if repo is None or (repo.private and not trusted):
            self._error(401 if repo else 404, "RepoNotFound")
            return None
        if files and repo.gated and not trusted:
            self._error(403, "GatedRepo")
            return None
        return repo

    def _describe(self, kind: str, name: str, revision: str, fault: Fault | None) -> None:
        repo = self._repo(kind, name, files=False)
        if repo is None:
            return
        sha = repo.refs.get(revision, revision)
        commit = repo.commits.get(sha)
        if commit is None:
            self._error(404, "RevisionNotFound")
            return
        answer = {
            "id": repo.name,
            "sha": sha,
            "gated": "auto" if repo.gated else False,
            "cardData": commit.card,
            "tags": list(commit.tags),
            "siblings": [sibling(path, content) for path, content in commit.files.items()],
        }
        self._send(200, json.dumps(answer).encode(), fault.headers if fault else {}, fault)

    def _resolve(self, kind: str, name: str, revision: str, path: str, fault: Fault | None) -> None:
        repo = self._repo(kind, name, files=True)
        if repo is None:
            return
        commit = repo.commits.get(revision)
        if commit is None or path not in commit.files:
            self._error(404, "EntryNotFound" if commit else "RevisionNotFound")
            return
        content = commit.files[path]
        headers = {"X-Repo-Commit": revision, "ETag": f'"{git_oid(content)}"'}
        if large(path):
            digest = hashlib.sha256(content).hexdigest()
            # By another name of this machine, so that it is another host.
            location = f"http://localhost:{self.hub.port}/cdn/{digest}"
            headers |= {"X-Linked-Etag": f'"{digest}"', "X-Linked-Size": str(len(content)), "Location": location}
            self._send(302, b"", headers | dict(fault.headers if fault else {}))
        else:
            self._ranged(content, headers | dict(fault.headers if fault else {}), fault)

    def _blob(self, sha256: str, fault: Fault | None) -> None:
        content = self.hub.blob(sha256)
        if content is None:
            self._error(404, "EntryNotFound")
        else:
            self._ranged(content, {}, fault)

    def _ranged(self, content: bytes, headers: Mapping[str, str], fault: Fault | None) -> None:
        content = fault.body if fault and fault.body is not None else content
        asked = _RANGE.fullmatch(self.headers.get("range", ""))
        if asked is None:
            self._send(200, content, headers, fault)
            return
        start = int(asked[1])
        span = f"bytes {start}-{len(content) - 1}/{len(content)}"
        self._send(206, content[start:], dict(headers) | {"Content-Range": span}, fault)

    def _error(self, status: int, code: str) -> None:
        self._send(status, b"{}", {"X-Error-Code": code, "X-Error-Message": code})

    def _send(self, status: int, body: bytes, headers: Mapping[str, str], fault: Fault | None = None) -> None:
        cut = fault.cut if fault else None
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        if fault and fault.quiet:
            # No length is told, so that the end of the connection is the end of the file.
            self.send_header("Connection", "close")
        else:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body if cut is None else body[:cut])
        if cut is not None:
            self.close_connection = True


@contextmanager
def serve_hub() -> Iterator[LocalHub]:
    """Runs a hub for the length of the context."""
    hub = LocalHub()
    handler = type("Handler", (_Handler,), {"hub": hub})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        server.daemon_threads = True
        hub.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        try:
            yield hub
        finally:
            server.shutdown()
            thread.join()
