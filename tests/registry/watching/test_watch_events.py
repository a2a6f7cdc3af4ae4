"""Events over the stream: exact resumption, reach, heartbeats, drain, and what watchers cost."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from google.protobuf.duration_pb2 import Duration

from registry.context import Registry
from registry.home import open_home
from registry.storage.audit import Event, append
from registry.watching import feed
from spiritsafe import errors
from spiritsafe.client import Client
from spiritsafe.events import watch_events
from spiritsafe.registry.v1 import audit_pb2, identity_pb2
from tests.registry.serving import Served, serve

SECONDS = 20


def record(registry: Registry, *names: str, namespace: str = "default") -> None:
    """One event in a transaction of its own for each name."""
    for name in names:
        with registry.database.write() as session:
            append(session, Event("model.created", f"namespaces/{namespace}/models/{name}"), "ada")


def open_stream(client: Client, after: int | None = None, **fields: object) -> Iterator[audit_pb2.WatchEventsResponse]:
    request = audit_pb2.WatchEventsRequest(after_sequence=after, **fields)
    stream: Iterator[audit_pb2.WatchEventsResponse] = client.audit.WatchEvents(request, timeout=SECONDS)
    return stream


def names(stream: Iterator[audit_pb2.WatchEventsResponse], count: int) -> list[str]:
    """The last parts of the resources of the next events."""
    found: list[str] = []
    while len(found) < count:
        response = next(stream)
        if response.HasField("event"):
            assert response.cursor == response.event.sequence
            found.append(response.event.resource.rpartition("/")[2])
    return found


def test_a_watch_begins_now_unless_told(server: Served) -> None:
    record(server.registry, "before")
    stream = open_stream(server.admin)
    first = next(stream)
    assert not first.HasField("event")
    record(server.registry, "after")
    assert names(stream, 1) == ["after"]
    assert names(open_stream(server.admin, 0), 3) == ["registry", "before", "after"]
    assert names(open_stream(server.admin, first.cursor), 1) == ["after"]


def test_an_event_comes_soon_after_its_commit(server: Served) -> None:
    stream = open_stream(server.admin)
    next(stream)
    delays = []
    for number in range(5):
        record(server.registry, f"m{number}")
        committed = time.monotonic()
        next(stream)
        delays.append(time.monotonic() - committed)
    assert sorted(delays)[2] < 0.2


def test_events_of_another_process_come_as_well(server: Served) -> None:
    stream = open_stream(server.admin)
    next(stream)
    other = open_home(server.home)
    record(other, "theirs")
    other.database.close()
    assert names(stream, 1) == ["theirs"]


def test_a_filter_and_the_callers_reach_limit_what_comes(server: Served) -> None:
    limited = server.client("reviewer", namespaces=["lab"])
    within = open_stream(limited, 0, filter='type = "model.*"')
    record(server.registry, "theirs")
    record(server.registry, "ours", namespace="lab")
    record(server.registry, "last", namespace="lab")
    assert names(within, 2) == ["ours", "last"]
    assert names(open_stream(server.admin, 0, filter='resource = "*/ours" OR resource: "last"'), 1) == ["last"]


def test_a_long_history_with_few_matches_is_read_through(server: Served) -> None:
    with server.registry.database.write() as session:
        for number in range(3 * feed.BATCH_EVENTS):
            actor = "rare" if number in (7, 250) else "often"
            append(session, Event("model.created", f"namespaces/default/models/m{number}"), actor)
            session.flush()
    assert names(open_stream(server.admin, 0, filter="actor = rare"), 2) == ["m7", "m250"]
    everything = open_stream(server.admin, 0, filter="actor = often")
    assert len(set(names(everything, 298))) == 298


def test_heartbeats_carry_the_cursor(server: Served) -> None:
    stream = open_stream(server.admin, filter="actor = nobody", heartbeat_interval=Duration(seconds=1))
    first = next(stream)
    record(server.registry, "unseen")
    second = next(stream)
    assert (second.HasField("event"), second.cursor) == (False, first.cursor + 1)


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"after_sequence": -1}, "after_sequence"),
        ({"after_sequence": 1000}, "after_sequence"),
        ({"filter": "colour = red"}, "filter"),
        ({"heartbeat_interval": Duration(nanos=1000)}, "heartbeat_interval"),
        ({"heartbeat_interval": Duration(seconds=3601)}, "heartbeat_interval"),
    ],
)
def test_a_bad_request_names_its_field(server: Served, fields: dict[str, object], field: str) -> None:
    with pytest.raises(errors.InvalidArgument) as refused:
        next(server.admin.audit.WatchEvents(audit_pb2.WatchEventsRequest(**fields)))
    assert refused.value.violations[0].field == field


def test_a_watch_needs_the_permission(server: Served) -> None:
    with pytest.raises(errors.PermissionDenied):
        next(open_stream(server.client("reader")))


def test_a_revoked_token_ends_its_streams(server: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("registry.interceptor._ADMITTED_SECONDS", 0.0)
    made = server.token("auditor", ["reviewer"])
    stream = open_stream(server.client_of(made.secret))
    next(stream)
    server.admin.identity.RevokeToken(identity_pb2.RevokeTokenRequest(name=made.token.name))
    with pytest.raises(errors.Unauthenticated):
        list(stream)


def test_nothing_is_lost_or_doubled_over_restarts(home: Path, registry: Registry, tmp_path: Path) -> None:
    wanted = [f"m{number}" for number in range(60)]
    got: list[str] = []

    def follow(client: Client) -> None:
        for event in watch_events(client, after=1, condition='type = "model.*"'):
            got.append(event.resource.rpartition("/")[2])
            if len(got) == len(wanted):
                return

    address = f"unix:{tmp_path}/socket"
    secret = (home / "token").read_text().strip()
    with ExitStack() as stack:
        reader = stack.enter_context(Client(address, secret))
        with ExitStack() as first:
            serve(home, registry, address, first)
            thread = threading.Thread(target=follow, args=[reader], daemon=True)
            thread.start()
            record(registry, *wanted[:20])
            while len(got) < 10:
                time.sleep(0.01)
        record(registry, *wanted[20:40])
        serve(home, registry, address, stack)
        record(registry, *wanted[40:])
        thread.join(SECONDS)
    assert got == wanted


def test_a_drain_ends_the_streams_at_once(home: Path, registry: Registry, tmp_path: Path) -> None:
    with ExitStack() as stack:
        served = serve(home, registry, f"unix:{tmp_path}/socket", stack)
        stream = open_stream(served.admin)
        next(stream)
        began = time.monotonic()
        served.thread.ask_to_stop(grace_seconds=SECONDS)
        with pytest.raises(errors.Unavailable) as ended:
            list(stream)
        assert ended.value.reason == "SERVER_STOPPING"
        served.thread.join(SECONDS)
        assert time.monotonic() - began < SECONDS / 2


def test_a_slow_reader_holds_nobody_up(server: Served) -> None:
    slow = [open_stream(server.admin, 0) for _ in range(8)]
    for stream in slow:
        next(stream)
    with server.registry.database.write() as session:
        for number in range(500):
            resource = f"namespaces/default/models/m{number}"
            append(session, Event("model.created", resource, {"text": "x" * 2000}), "ada")
            session.flush()
    quick = open_stream(server.admin)
    next(quick)
    record(server.registry, "last")
    assert names(quick, 1) == ["last"]
    assert names(slow[0], 501)[-1] == "m499"


def test_many_idle_watchers_cost_next_to_nothing(server: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    streams = [open_stream(server.admin) for _ in range(200)]
    for stream in streams:
        next(stream)
    began = time.process_time()
    time.sleep(1)
    assert time.process_time() - began < 0.5
    record(server.registry, "for all")
    assert {name for stream in streams for name in names(stream, 1)} == {"for all"}
    monkeypatch.setattr(feed, "MAX_WATCHERS", 200)
    with pytest.raises(errors.ResourceExhausted):
        next(open_stream(server.admin))
