"""A bucket on this machine: moto's S3 server behind a front that does what moto leaves out, and fails as it is told.

What the front adds is what S3 promises and the store rests on: a body is compared with its SHA-256, parts are listed
with theirs, and a presigned request is refused once it is late or differs from what was signed.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import http.client
import os
import re
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, quote, urlsplit

ACCESS_KEY, SECRET_KEY = "AKIATEST", "secret-of-the-test"
REGION = "us-east-1"
CHECKSUM = "x-amz-checksum-sha256"
_PART = re.compile(rb"<PartNumber>(\d+)</PartNumber>")


@dataclass
class Fault:
    """What happens to the next ``times`` requests of a method whose path and query contain ``part``.

    With a ``status`` they are answered with it (and S3's word ``code``) and never reach the bucket; else the usual
    answer comes after ``wait`` seconds, broken off after ``cut`` bytes of its body, or not at all for a number below 0.
    """

    method: str
    part: str = ""
    status: int = 0
    code: str = "InternalError"
    times: int = 1
    wait: float = 0.0
    cut: int | None = None


@dataclass
class LocalS3:
    """What the front does, and what it was asked: (method, path and query)."""

    backend: tuple[str, int]
    endpoint: str = ""
    compares: bool = True
    faults: list[Fault] = field(default_factory=list)
    asked: list[tuple[str, str]] = field(default_factory=list)
    parts: dict[tuple[str, int], str] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)
    turn: threading.Lock = field(default_factory=threading.Lock)

    def take_fault(self, method: str, path: str) -> Fault | None:
        """The fault that meets this request."""
        with self.lock:
            self.asked.append((method, path))
            for fault in self.faults:
                if fault.times and fault.method == method and fault.part in path:
                    fault.times -= 1
                    return fault
        return None

    def count(self, method: str, part: str) -> int:
        """How many requests of a method had this in their path or query."""
        return sum(asked == method and part in path for asked, path in self.asked)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # Or headers and body wait for each other's acknowledgement.
    wbufsize = 1 << 16
    disable_nagle_algorithm = True
    s3: LocalS3

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the original's name
        pass

    def handle_expect_100(self) -> bool:
        super().handle_expect_100()
        self.wfile.flush()
        return True

    def handle_any(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        fault = self.s3.take_fault(self.command, self.path)
        if fault is not None:
            time.sleep(fault.wait)
            if fault.status:
                self._refuse(fault.status, fault.code)
                return
        problem = self._problem(body)
        if problem:
            self._refuse(*problem)
            return
        status, headers, answer = self._forward(body)
        if status == 500 and "partNumber=" in self.path:
            # moto stumbles over a part of an upload that is gone.
            self._refuse(404, "NoSuchUpload")
            return
        if fault is not None and fault.cut is not None and fault.cut < 0:
            self.close_connection = True
            return
        self._answer(status, headers, answer, None if fault is None else fault.cut)

    do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = handle_any  # noqa: N815 - http.server's names

    def _problem(self, body: bytes) -> tuple[int, str] | None:
        query = dict(parse_qsl(urlsplit(self.path).query, keep_blank_values=True))
        if "X-Amz-Signature" in query and not _is_signed(self.command, self.path, self.headers, query):
            return 403, "SignatureDoesNotMatch"
        claimed = self.headers.get(CHECKSUM)
        if claimed and self.s3.compares and self.command == "PUT" and claimed != _checksum(body):
            return 400, "BadDigest"
        if "partNumber" in query and claimed:
            self.s3.parts[query["uploadId"], int(query["partNumber"])] = claimed
        return None

    def _forward(self, body: bytes) -> tuple[int, Mapping[str, str], bytes]:
        connection = http.client.HTTPConnection(*self.s3.backend, timeout=30)
        # One at a time: moto shows the half of a change to whoever looks just then.
        self.s3.turn.acquire()
        try:
            connection.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
            for name, value in self.headers.items():
                if name.lower() not in ("connection", "expect", "content-length"):
                    connection.putheader(name, value)
            connection.putheader("Content-Length", str(len(body)))
            connection.endheaders(body)
            answer = connection.getresponse()
            return answer.status, dict(answer.getheaders()), self._with_checksums(answer.read())
        finally:
            self.s3.turn.release()
            connection.close()

    def _with_checksums(self, answer: bytes) -> bytes:
        """Adds the checksums of parts, which moto keeps to itself, to a list of parts."""
        upload = dict(parse_qsl(urlsplit(self.path).query)).get("uploadId")
        if self.command != "GET" or upload is None:
            return answer

        def add(match: re.Match[bytes]) -> bytes:
            known = self.s3.parts.get((upload, int(match[1])))
            return match[0] + (f"<ChecksumSHA256>{known}</ChecksumSHA256>".encode() if known else b"")

        return _PART.sub(add, answer)

    def _answer(self, status: int, headers: Mapping[str, str], body: bytes, cut: int | None) -> None:
        self.send_response(status)
        length = headers.get("Content-Length") if self.command == "HEAD" else None
        for name, value in headers.items():
            if name.lower() not in ("content-length", "connection", "transfer-encoding", "date", "server"):
                self.send_header(name, value)
        self.send_header("Content-Length", length or str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body if cut is None else body[:cut])
        if cut is not None:
            self.close_connection = True

    def _refuse(self, status: int, code: str) -> None:
        body = f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>told to</Message></Error>".encode()
        self._answer(status, {"Content-Type": "application/xml"}, b"" if self.command == "HEAD" else body, None)


def _checksum(body: bytes) -> str:
    return base64.b64encode(hashlib.sha256(body).digest()).decode()


def _is_signed(method: str, path: str, headers: Mapping[str, str], query: Mapping[str, str]) -> bool:
    """Whether the signature in the query (AWS Signature Version 4) is of exactly this request, and not too late."""
    date, names = query["X-Amz-Date"], query["X-Amz-SignedHeaders"].split(";")
    made = datetime.strptime(date, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    if datetime.now(UTC) > made + timedelta(seconds=int(query["X-Amz-Expires"])):
        return False
    if any(name.lower().startswith("x-amz-") and name.lower() not in names for name in headers):
        return False
    given = {key: value for key, value in query.items() if key != "X-Amz-Signature"}
    signed = sorted((quote(key, "-_.~"), quote(value, "-_.~")) for key, value in given.items())
    canonical = "\n".join(
        [
            method,
            urlsplit(path).path,
            "&".join(f"{key}={value}" for key, value in signed),
            *(f"{name}:{(headers.get(name) or '').strip()}" for name in names),
            "",
            ";".join(names),
            "UNSIGNED-PAYLOAD",
        ]
    )
    scope = query["X-Amz-Credential"].partition("/")[2]
    text = f"AWS4-HMAC-SHA256\n{date}\n{scope}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
    key = f"AWS4{SECRET_KEY}".encode()
    for step in (*scope.split("/"), text):
        key = hmac.new(key, step.encode(), hashlib.sha256).digest()
    return hmac.compare_digest(key.hex(), query["X-Amz-Signature"])


@contextmanager
def moto() -> Iterator[tuple[str, int]]:
    """Host and port of a moto server. Slow to start: one serves all tests of a process."""
    # Read when moto is imported: parts as small as tests like them.
    os.environ["S3_UPLOAD_PART_MIN_SIZE"] = "1"
    os.environ["MOTO_S3_DEFAULT_KEY_BUFFER_SIZE"] = str(64 << 20)
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        yield server.get_host_and_port()
    finally:
        server.stop()


@contextmanager
def front(backend: tuple[str, int]) -> Iterator[LocalS3]:
    """A front of its own: its faults and its record are those of one test."""
    s3 = LocalS3(backend)
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"s3": s3}))
    server.daemon_threads = True
    s3.endpoint = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield s3
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
