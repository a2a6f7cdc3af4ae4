"""The policy of repeated calls: what may be repeated, when, and for how long."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spiritsafe import errors
from spiritsafe.registry.v1 import identity_pb2, model_pb2, version_pb2
from spiritsafe.rpc.permissions import methods
from spiritsafe.rpc.retrying import (
    NO_RETRIES,
    READING_VERBS,
    Attempts,
    RetryPolicy,
    default_timeout,
    identified,
    is_transient,
    may_repeat,
)

READ = "/spiritsafe.registry.v1.ModelService/GetModel"
LIVELY = RetryPolicy(attempts=4, first_wait_seconds=1.0, longest_wait_seconds=3.0)


class Clock:
    """Stands still unless it is moved."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@given(st.integers(1, 10_000), st.floats(0, 1, exclude_max=True), st.none() | st.floats(0, 100))
def test_a_wait_stays_within_its_bounds(repetition: int, chance: float, asked: float | None) -> None:
    wait = LIVELY.wait_seconds(repetition, chance, asked)
    assert (asked or 0) <= wait <= max(asked or 0, min(3.0, 2.0 ** min(repetition - 1, 10)))


@pytest.mark.parametrize(
    ("error", "transient"),
    [
        (errors.Unavailable("gone"), True),
        (errors.Aborted("etag"), False),
        (errors.Aborted("busy", reason="DATABASE_BUSY"), True),
        (errors.ResourceExhausted("quota"), False),
        (errors.ResourceExhausted("later", retry_seconds=2.0), True),
        (errors.FailedPrecondition("no", retry_seconds=2.0), False),
        (errors.DeadlineExceeded("late"), False),
        (errors.Internal("defect"), False),
    ],
)
def test_what_is_transient(error: errors.SpiritsafeError, transient: bool) -> None:
    assert is_transient(error) is transient


def test_every_method_is_repeated_only_where_that_does_no_harm() -> None:
    once = set()
    for path, method in methods():
        carries_id = "request_id" in method.input_type.fields_by_name
        if method.name.startswith(READING_VERBS):
            assert not carries_id, f"{path} is named like one that changes nothing"
        request = identified(method.input_type._concrete_class())
        if not may_repeat(path, request):
            once.add(method.name)
    assert once == {"CompleteUpload", "CreateToken", "UploadFile"}


def test_a_request_id_is_added_to_a_copy_only_where_there_is_none() -> None:
    request = version_pb2.CreateVersionRequest(parent="p")
    first, second = identified(request), identified(request)
    assert not request.request_id
    assert first.request_id != second.request_id != ""
    assert first.parent == "p"
    assert identified(first) is first
    read = model_pb2.GetModelRequest(name="n")
    assert identified(read) is read


def test_a_token_is_made_once() -> None:
    assert not may_repeat("/spiritsafe.registry.v1.IdentityService/CreateToken", identity_pb2.CreateTokenRequest())


def test_attempts_end_with_the_policy_and_the_error_names_the_call() -> None:
    attempts = Attempts(LIVELY, READ, None, None, clock=Clock(), chance=lambda: 0.5)
    assert [attempts.wait_after(errors.Unavailable("gone")) for _ in range(3)] == [0.5, 1.0, 1.5]
    with pytest.raises(errors.Unavailable) as caught:
        attempts.wait_after(errors.Unavailable("gone"))
    assert caught.value.method == READ.lstrip("/")
    assert attempts.time_left() is None


def test_attempts_end_with_the_deadline() -> None:
    clock = Clock()
    attempts = Attempts(LIVELY, READ, None, 2.0, clock=clock, chance=lambda: 0.5)
    assert attempts.time_left() == 2.0
    assert attempts.wait_after(errors.Unavailable("gone")) == 0.5
    clock.now += 1.5
    assert attempts.time_left() == 0.5
    with pytest.raises(errors.Unavailable):
        attempts.wait_after(errors.Unavailable("gone"))
    clock.now += 5
    assert attempts.time_left() == 0


def test_what_the_server_asks_for_counts() -> None:
    attempts = Attempts(LIVELY, READ, None, None, chance=lambda: 0.0)
    assert attempts.wait_after(errors.ResourceExhausted("later", retry_seconds=7.0)) == 7.0


def test_repeating_can_be_switched_off() -> None:
    with pytest.raises(errors.Unavailable):
        Attempts(NO_RETRIES, READ, None, None).wait_after(errors.Unavailable("gone"))


def test_what_changes_something_without_a_request_id_is_not_repeated() -> None:
    with pytest.raises(errors.Unavailable):
        Attempts(LIVELY, "/S/UploadFile", None, None).wait_after(errors.Unavailable("gone"))


def test_calls_that_read_everything_have_longer() -> None:
    assert default_timeout(READ, 5.0) == 5.0
    assert default_timeout("/S/FinalizeVersion", 5.0) == 3600.0
    assert default_timeout("/S/FinalizeVersion", None) is None
