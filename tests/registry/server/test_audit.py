"""Audit events over the API, and every way of tampering with their chain."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest

from registry.home import open_database
from registry.services.audit import BATCH_ROWS
from registry.storage.audit import Event, append
from spiritsafe import errors
from spiritsafe.registry.v1 import audit_pb2
from tests.registry.serving import Served

EVENTS = 12


@pytest.fixture
def filled(server: Served) -> Served:
    """The creation, and events of two namespaces."""
    with server.registry.database.write() as session:
        for number in range(2, EVENTS + 1):
            namespace = "lab" if number % 3 == 0 else "default"
            resource = f"namespaces/{namespace}/models/m{number}"
            append(session, Event("model.created", resource, {"number": number}), f"user{number % 2}")
            session.flush()
    return server


def listed(served: Served, condition: str = "") -> list[int]:
    request = audit_pb2.ListAuditEventsRequest(filter=condition)
    return [event.sequence for event in served.admin.audit.ListAuditEvents(request).events]


def verified(served: Served) -> audit_pb2.VerifyAuditResponse:
    return served.admin.audit.VerifyAudit(audit_pb2.VerifyAuditRequest())


def tamper(home: Path, *statements: str) -> None:
    """What somebody with access to the database could do."""
    database = open_database(home)
    with database.write() as session:
        for statement in statements:
            assert session.connection().exec_driver_sql(statement).rowcount > 0, statement
    database.close()


def test_events_are_listed_in_pages_in_order(filled: Served) -> None:
    sequences: list[int] = []
    request = audit_pb2.ListAuditEventsRequest(page_size=5)
    for _ in itertools.count():
        page = filled.admin.audit.ListAuditEvents(request)
        sequences += [event.sequence for event in page.events]
        if not page.next_page_token:
            break
        request.page_token = page.next_page_token
    assert sequences == list(range(1, EVENTS + 1))


def test_an_event_carries_what_was_recorded(filled: Served) -> None:
    request = audit_pb2.ListAuditEventsRequest(filter='resource = "namespaces/lab/models/m3"')
    (event,) = filled.admin.audit.ListAuditEvents(request).events
    assert (event.sequence, event.type, event.actor) == (3, "model.created", "user1")
    assert dict(event.details) == {"number": 3}
    assert event.HasField("create_time")
    assert len(event.hash) == len(event.previous_hash) == 64


@pytest.mark.parametrize(
    ("condition", "sequences"),
    [
        ('type = "registry.created"', [1]),
        ('type != "registry.created" AND actor = "user0"', [2, 4, 6, 8, 10, 12]),
        ('resource = "namespaces/lab/models/m6" AND actor = "user0"', [6]),
        ('actor = "nobody"', []),
    ],
)
def test_events_are_filtered(filled: Served, condition: str, sequences: list[int]) -> None:
    assert listed(filled, condition) == sequences


def test_an_unknown_field_is_refused(filled: Served) -> None:
    with pytest.raises(errors.InvalidArgument) as refused:
        listed(filled, 'hash = "0"')
    assert refused.value.reason == "INVALID_FILTER"


def test_a_caller_of_one_namespace_sees_its_events_only(filled: Served) -> None:
    limited = filled.client("reviewer", namespaces=("lab",)).audit
    events = limited.ListAuditEvents(audit_pb2.ListAuditEventsRequest()).events
    assert [event.sequence for event in events] == [3, 6, 9, 12]
    assert limited.VerifyAudit(audit_pb2.VerifyAuditRequest()).events == EVENTS + 1  # the whole chain, all the same


def test_an_untouched_chain_is_verified(filled: Served) -> None:
    report = verified(filled)
    assert (report.verified, report.events, report.first_bad_sequence) == (True, EVENTS, 0)
    (last,) = filled.admin.audit.ListAuditEvents(
        audit_pb2.ListAuditEventsRequest(filter=f'resource = "namespaces/lab/models/m{EVENTS}"')
    ).events
    assert report.head_hash == last.hash


def test_a_chain_longer_than_one_batch_is_verified(filled: Served) -> None:
    with filled.registry.database.write() as session:
        for _ in range(BATCH_ROWS):
            append(session, Event("model.created", "namespaces/lab/models/m"), "bo")
            session.flush()
    report = verified(filled)
    assert (report.verified, report.events) == (True, EVENTS + BATCH_ROWS)


SLIP = """
    INSERT INTO audit_events SELECT 0, type, actor, resource, details, create_time, previous_hash, hash
    FROM audit_events WHERE sequence = 5
"""
SWAP = [
    "UPDATE audit_events SET sequence = -5 WHERE sequence = 5",
    "UPDATE audit_events SET sequence = 5 WHERE sequence = 6",
    "UPDATE audit_events SET sequence = 6 WHERE sequence = -5",
]


@pytest.mark.parametrize(
    ("statements", "first_bad", "problem"),
    [
        (["UPDATE audit_events SET actor = 'eve' WHERE sequence = 5"], 5, "changed"),
        (["UPDATE audit_events SET details = '{}' WHERE sequence = 5"], 5, "changed"),
        (["UPDATE audit_events SET create_time = create_time + 1 WHERE sequence = 5"], 5, "changed"),
        (["UPDATE audit_events SET hash = previous_hash WHERE sequence = 5"], 5, "changed"),
        (["UPDATE audit_events SET previous_hash = hash WHERE sequence = 5"], 5, "follow"),
        (["DELETE FROM audit_events WHERE sequence = 5"], 6, "missing"),
        (["DELETE FROM audit_events WHERE sequence BETWEEN 4 AND 8"], 9, "missing"),
        (["DELETE FROM audit_events WHERE sequence = 1"], 2, "missing"),
        (SWAP, 5, "follow"),
        (
            [
                "DELETE FROM audit_events WHERE sequence = 5",
                "UPDATE audit_events SET sequence = sequence - 1 WHERE sequence = 6",
            ],
            5,
            "follow",
        ),
        ([SLIP], 0, "missing"),
    ],
)
def test_tampering_is_detected(filled: Served, home: Path, statements: list[str], first_bad: int, problem: str) -> None:
    tamper(home, *statements)
    report = verified(filled)
    assert not report.verified
    assert report.first_bad_sequence == first_bad
    assert problem in report.problem
    assert report.events <= max(first_bad - 1, 0)
