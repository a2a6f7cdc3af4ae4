"""``spiritsafe agreement``: a contract that waives one licence of one model, while it lasts."""

from __future__ import annotations

from pathlib import Path

import pytest

from cli import exits
from tests.cli.conftest import Command

JSON = ("--format", "json")
TERMS = ("--licensor", "Acme", "--license", "cc-by-nc-4.0", "--model", "teacher", "--context", "commercial")
CREATE = ("agreement", "create", "acme", *TERMS)


@pytest.fixture
def teacher(spiritsafe: Command, weights: Path) -> str:
    """A model under a licence that forbids commercial use."""
    assert spiritsafe("model", "create", "teacher").code == exits.DONE
    registered = ("model", "register", "teacher", weights, "--kind", "base", "--license", "cc-by-nc-4.0", "--imported")
    assert spiritsafe(*registered).code == exits.DONE
    return "teacher@1"


def verdict(spiritsafe: Command, version: str) -> str:
    checked = ("license", "check", version, "--context", "commercial", "--outbound", "cc-by-nc-4.0", *JSON)
    answer: str = spiritsafe(*checked).data["evaluations"][0]["verdict"]
    return answer


def test_an_agreement_waives_a_licence_until_it_is_revoked(spiritsafe: Command, teacher: str) -> None:
    assert verdict(spiritsafe, teacher) == "denied"
    tried = spiritsafe(*CREATE, "--end", "2099-12-31", "--dry-run", *JSON)
    assert (tried.code, verdict(spiritsafe, teacher)) == (exits.DONE, "denied")
    made = spiritsafe(*CREATE, "--end", "2099-12-31", "--reference", "drawer 7", *JSON).data
    assert (made["end_time"], made["reference"]) == ("2099-12-31T00:00:00.000Z", "drawer 7")
    assert verdict(spiritsafe, teacher) == "allowed_with_obligations"
    assert spiritsafe("agreement", "show", "acme", *JSON).data == made
    assert spiritsafe("agreement", "list", *JSON).data == {"agreements": [made]}
    assert spiritsafe("agreement", "revoke", "acme", *JSON).data["revoke_time"]
    assert verdict(spiritsafe, teacher) == "denied"


@pytest.mark.parametrize(("end", "field"), [("soon", "end"), ("2001-01-01", "agreement.end_time")])
def test_dates_that_cannot_be_are_refused(spiritsafe: Command, teacher: str, end: str, field: str) -> None:
    refused = spiritsafe(*CREATE, "--end", end, *JSON)
    assert refused.code == exits.USAGE
    assert [each["field"] for each in refused.error["violations"]] == [field]
    assert spiritsafe("agreement", "list", *JSON).data == {"agreements": []}
