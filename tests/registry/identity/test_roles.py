"""Roles against the contract."""

from __future__ import annotations

import pytest

from registry.identity.roles import ROLES, permissions_of, roles_with
from spiritsafe.rpc.permissions import PUBLIC, permissions_by_path

CONTRACT = set(permissions_by_path().values()) - {PUBLIC}


def test_every_permission_of_the_contract_belongs_to_a_role() -> None:
    # Breaking the glass is asked for inside of a method.
    assert permissions_of(ROLES) == CONTRACT | {"promotions.break_glass"}


@pytest.mark.parametrize("role", ROLES)
def test_every_role_can_ask_who_it_is(role: str) -> None:
    assert "caller.get" in ROLES[role]


@pytest.mark.parametrize(
    ("permission", "holders"),
    [
        ("reviews.decide", ("reviewer",)),
        ("catalog.curate", ("reviewer",)),
        ("licenses.conclude", ("reviewer",)),
        ("agreements.create", ("reviewer",)),
        ("versions.create", ("publisher",)),
        ("artifacts.upload", ("publisher",)),
        ("runs.create", ("publisher",)),
        ("promotions.create", ("releaser",)),
        ("policies.create", ("admin",)),
        ("licenses.revise", ("admin",)),
        ("licenses.preview", ("admin", "reviewer")),
        ("duties.attest", ("publisher", "reviewer")),
        ("duties.record", ("publisher", "releaser")),
        ("tokens.create", ("admin",)),
        ("tokens.list", ("admin",)),
        ("tokens.revoke", ("admin",)),
    ],
)
def test_duties_are_apart(permission: str, holders: tuple[str, ...]) -> None:
    assert roles_with(permission) == holders


def test_a_reader_changes_nothing() -> None:
    verbs = {permission.partition(".")[2] for permission in ROLES["reader"]}
    assert verbs == {"get", "list", "download", "evaluate", "check"}


def test_roles_add_up_and_an_unknown_one_gives_nothing() -> None:
    assert permissions_of(["publisher", "retired"]) == ROLES["publisher"]
    assert permissions_of(["publisher", "reviewer"]) == ROLES["publisher"] | ROLES["reviewer"]
    assert permissions_of([]) == frozenset()
