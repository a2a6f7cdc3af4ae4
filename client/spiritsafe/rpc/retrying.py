"""When a failed call is made again, and after what wait: the one policy of the blocking and the asynchronous client.

Waits grow exponentially with full jitter
(https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/). A call is repeated only where doing it
twice does no harm: it only reads, or its request carries a ``request_id``, by which servers recognise a repeated
request (AIP-155).
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar
from uuid import uuid4

from google.protobuf.message import Message

from spiritsafe.errors import Aborted, ResourceExhausted, SpiritsafeError, Unavailable

RequestT = TypeVar("RequestT")
# How the name of a method begins that changes nothing; a test compares this with the contract.
READING_VERBS = ("BatchGet", "Check", "Evaluate", "Get", "List", "Plan", "Preview", "Verify", "Watch")
# Change no row either, or go on where they were: they go by the content that a version declares.
_IDEMPOTENT = frozenset({"BeginUpload", "DownloadFile", "MirrorFiles"})
# The secret of a token is in the first answer only, so a repeated one would hide that it got lost.
_ONCE = frozenset({"CreateToken"})
# Read or verify all bytes of a version, a store or a record, which takes as long as there are many.
_LONG = frozenset({"CheckStore", "CollectGarbage", "CompleteUpload", "FinalizeVersion", "VerifyAudit"})
LONG_TIMEOUT_SECONDS = 3600.0
DEFAULT_TIMEOUT_SECONDS = 120.0
# Reasons under which nothing was changed and the same request may succeed a moment later.
_SAFE_REASONS = frozenset({"DATABASE_BUSY"})


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How often and how patiently a call is repeated. ``attempts`` counts the first one too; 1 switches repeating off.

    Before repetition n (from 1) the wait is a random part of ``first_wait_seconds`` x 2^(n-1), at most
    ``longest_wait_seconds``, and never less than the server asks for.
    """

    attempts: int = 5
    first_wait_seconds: float = 0.2
    longest_wait_seconds: float = 5.0

    def wait_seconds(self, repetition: int, chance: float, asked: float | None = None) -> float:
        """The wait before a repetition (from 1); ``chance`` is in [0, 1), ``asked`` what the server asks for."""
        # The exponent is bounded so that the power stays finite.
        widest = min(self.longest_wait_seconds, self.first_wait_seconds * 2.0 ** min(repetition - 1, 60))
        return max(widest * chance, asked or 0.0)


DEFAULT_RETRIES = RetryPolicy()
NO_RETRIES = RetryPolicy(attempts=1)


def is_transient(error: SpiritsafeError) -> bool:
    """Whether the same call may succeed a moment later, and changed nothing now that a request id does not cover."""
    if isinstance(error, Unavailable):
        return True
    asked = error.retry_seconds is not None or error.reason in _SAFE_REASONS
    return isinstance(error, Aborted | ResourceExhausted) and asked


def may_repeat(method: str, request: object) -> bool:
    """Whether making the call twice does no more than making it once. ``method`` is Service/Method or longer."""
    name = method.rpartition("/")[2]
    if name in _ONCE:
        return False
    return bool(request_id_of(request)) or name in _IDEMPOTENT or name.startswith(READING_VERBS)


def request_id_of(request: object) -> str:
    """The request id that it carries; empty where it has none."""
    return str(getattr(request, "request_id", ""))


def identified(request: RequestT) -> RequestT:
    """A copy with a new request id where the message has that field, empty; else the request itself."""
    if not isinstance(request, Message) or "request_id" not in request.DESCRIPTOR.fields_by_name:
        return request
    if request_id_of(request):
        return request
    copy = type(request)()
    copy.CopyFrom(request)
    copy.request_id = str(uuid4())  # type: ignore[attr-defined] # by its descriptor it has the field
    return copy


def default_timeout(method: str, timeout_seconds: float | None) -> float | None:
    """The deadline of a call that names none; ``timeout_seconds`` is the client's own, None for no deadlines."""
    if timeout_seconds is None or method.rpartition("/")[2] not in _LONG:
        return timeout_seconds
    return max(timeout_seconds, LONG_TIMEOUT_SECONDS)


class Attempts:
    """The attempts of one call, bounded by the policy and by the call's deadline.

    ``clock`` gives seconds that only grow, ``chance`` a number in [0, 1).
    """

    def __init__(
        self,
        policy: RetryPolicy,
        method: str,
        request: object,
        timeout_seconds: float | None,
        *,
        clock: Callable[[], float] = time.monotonic,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._policy = policy
        self._method = method.lstrip("/")
        self._request_id = request_id_of(request)
        self._repeatable = may_repeat(method, request)
        self._clock = clock
        self._chance = chance
        self._end = None if timeout_seconds is None else clock() + timeout_seconds
        self._made = 0

    def time_left(self) -> float | None:
        """Seconds that the next attempt may take; None for any number."""
        return None if self._end is None else max(self._end - self._clock(), 0.0)

    def wait_after(self, error: SpiritsafeError) -> float:
        """Seconds to wait before the next attempt. Raises the error where there is none."""
        self._made += 1
        if not self._repeatable or self._made >= self._policy.attempts or not is_transient(error):
            raise self.named(error)
        wait = self._policy.wait_seconds(self._made, self._chance(), error.retry_seconds)
        left = self.time_left()
        if left is not None and wait >= left:
            raise self.named(error)
        return wait

    def named(self, error: SpiritsafeError) -> SpiritsafeError:
        """The error, which now says which call raised it."""
        error.method = self._method
        error.request_id = self._request_id
        return error
