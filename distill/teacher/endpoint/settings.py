"""Where a teacher is served, and how hard it may be asked."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import urlsplit

from spiritsafe.errors import InvalidArgument, Violation


@dataclass(frozen=True, slots=True)
class EndpointSettings:
    """An OpenAI-compatible server, or several that serve the same model.

    Attributes:
        urls: bases of the API, with the version: ``http://localhost:8000/v1``.
        model: the id under which it is served; the only one that is, where empty.
        api_key_env: environment variable that holds the key; none is sent where empty. The key itself is nowhere.
        concurrency: requests at a time, over all servers.
        requests_per_minute: at most; 0 for no limit.
        tokens_per_minute: of prompts and replies together, at most; 0 for no limit.
        connect_seconds: until a server must have taken the connection.
        reply_seconds: until a reply must be complete.
        attempts: tries of one request before it counts as failed.
    """

    urls: tuple[str, ...]
    model: str = ""
    api_key_env: str = ""
    concurrency: int = 64
    requests_per_minute: int = 0
    tokens_per_minute: int = 0
    connect_seconds: float = 10.0
    reply_seconds: float = 300.0
    attempts: int = 6

    def check(self, field: str = "endpoint") -> EndpointSettings:
        """The settings themselves. Raises InvalidArgument, with one violation per field that is wrong."""
        violations = tuple(Violation(f"{field}.{name}", problem) for name, problem in self._problems())
        if violations:
            told = "; ".join(f"{one.field}: {one.description}" for one in violations)
            raise InvalidArgument(told, reason="INVALID_ENDPOINT", violations=violations)
        return self

    def _problems(self) -> Iterator[tuple[str, str]]:
        if not self.urls:
            yield "urls", "names no server; write one such as http://localhost:8000/v1"
        for url in self.urls:
            parts = urlsplit(url)
            if parts.scheme not in ("http", "https") or not parts.hostname:
                yield "urls", f"{url!r} is no http or https address"
            elif parts.username or parts.password or parts.query:
                yield "urls", f"the address of {parts.hostname} holds more than a path; keys belong into api_key_env"
        for name in ("concurrency", "attempts"):
            if getattr(self, name) < 1:
                yield name, "must be at least 1"
        for name in ("requests_per_minute", "tokens_per_minute"):
            if getattr(self, name) < 0:
                yield name, "must not be negative; 0 sets no limit"
        for name in ("connect_seconds", "reply_seconds"):
            if getattr(self, name) <= 0:
                yield name, "must be more than 0 seconds"
