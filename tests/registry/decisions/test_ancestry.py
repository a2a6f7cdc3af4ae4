"""What is kept of lineages between verdicts, and that a verdict asks the database as often at any depth."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import sqlalchemy
from sqlalchemy.engine import Engine

from registry.context import Registry
from registry.decisions.ancestry import Ancestry, AncestryCache, ancestries_of
from registry.decisions.evaluation import CONTEXTS, bump_epoch, evaluate_contexts
from registry.decisions.rules import current_rules
from registry.home import open_home
from registry.licensing import EdgeType, inherit
from registry.storage.lookup import get_version, names_of
from registry.storage.tables import Version
from spiritsafe.registry.v1 import licensing_pb2
from tests.benchmarks.home import fill
from tests.registry.builders import Story


def chain(uid: str, depth: int) -> Version:
    """A version at the end of a chain, as finalize leaves it."""
    stored = inherit("1")
    for number in range(2, depth + 1):
        stored = inherit(str(number), None, [(EdgeType.FINETUNE, stored)])
    return Version(uid=uid, exposures=stored.to_json())


def test_an_ancestry_is_read_once_for_a_uid() -> None:
    cache = AncestryCache()
    first = cache.of(chain("a", 3))
    assert cache.of(chain("a", 3)) is first
    assert cache.of(chain("b", 3)) is not first
    assert first.version_ids == (1, 2, 3)


def test_kept_origins_are_bounded_and_the_least_used_go_first() -> None:
    cache = AncestryCache(max_origins=10)
    first = cache.of(chain("a", 4))
    cache.of(chain("b", 4))
    assert cache.of(chain("a", 4)) is first
    cache.of(chain("c", 4))  # 12 in all, and b was used least lately
    assert cache.origins == 8
    assert cache.of(chain("a", 4)) is first


def test_an_ancestry_larger_than_the_bound_is_kept_alone() -> None:
    cache = AncestryCache(max_origins=10)
    cache.of(chain("a", 4))
    large = cache.of(chain("b", 30))
    assert cache.of(chain("b", 30)) is large
    assert cache.origins == 30


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Registry, dict[int, str]]]:
    """A home with chains of depth 3 and 40, and their last versions by depth."""
    home = tmp_path_factory.mktemp("filled") / "home"
    names = fill(home, 100, [(3, "cc-by-nc-4.0"), (40, "cc-by-nc-4.0")])
    registry = open_home(home)
    yield registry, dict(zip((3, 40), names, strict=True))
    registry.database.close()


@contextmanager
def counted() -> Iterator[list[str]]:
    """The statements that this thread executes meanwhile; servers of other tests have schedulers in theirs."""
    statements: list[str] = []
    own = threading.get_ident()

    def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if threading.get_ident() == own:
            statements.append(statement)

    sqlalchemy.event.listen(Engine, "before_cursor_execute", note)
    try:
        yield statements
    finally:
        sqlalchemy.event.remove(Engine, "before_cursor_execute", note)


def ask(registry: Registry, name: str) -> list[licensing_pb2.Evaluation]:
    with registry.database.read() as session:
        return evaluate_contexts(session, registry, *get_version(session, name), CONTEXTS)


def test_a_verdict_asks_the_database_as_often_at_any_depth(filled: tuple[Registry, dict[int, str]]) -> None:
    registry, names = filled
    with registry.database.read() as session:
        current_rules(session)  # read once in the life of a process
    counts: dict[int, list[int]] = {}
    for depth, name in names.items():
        for _ in ("cold", "lineage known", "lineage known"):
            with registry.database.write() as session:
                bump_epoch(session)
            with counted() as statements:
                ask(registry, name)
            counts.setdefault(depth, []).append(len(statements))
    assert counts[3] == counts[40]
    assert counts[3][1] < counts[3][0] < 16
    with counted() as statements:
        ask(registry, names[40])
    assert len(statements) == 3  # model, version, epoch


def test_a_deep_verdict_names_its_whole_path(filled: tuple[Registry, dict[int, str]]) -> None:
    registry, names = filled
    commercial = ask(registry, names[40])[-1]
    denial = next(reason for reason in commercial.reasons if reason.code == "NC_LIMITATION")
    assert len(denial.path) == 79
    assert set(denial.path[1::2]) == {"finetune"}
    assert denial.path[0] == names[40]
    assert denial.path[-1] == denial.origin


def test_a_write_keeps_nothing(filled: tuple[Registry, dict[int, str]]) -> None:
    """Its version may be rolled back, and be finalized otherwise later."""
    registry, names = filled
    cache = ancestries_of(registry.database)
    before = cache.origins
    with registry.database.write() as session:
        other = names[3].replace("versions/3", "versions/2")
        evaluate_contexts(session, registry, *get_version(session, other), CONTEXTS)
    assert cache.origins == before


def test_names_are_those_of_the_rows(filled: tuple[Registry, dict[int, str]]) -> None:
    registry, names = filled
    with registry.database.read() as session:
        _, version = get_version(session, names[3])
        ancestry = Ancestry.of(version)
        found = {int(node): name.version for node, name in ancestry.names(session).items()}
        assert found == names_of(session, ancestry.version_ids)
        assert str(found[3]) == names[3]


def test_the_answer_explains_itself_in_the_names_of_people(story: Story) -> None:
    text = story.evaluate(story.names["teacher"]).explanation
    assert text.startswith("Denied for commercial use: teacher@1 is an adapter on xlam-7b-fc-r@1, whose CC-BY-NC-4.0")


def test_every_origin_counts_as_soon_as_its_licence_changes(story: Story) -> None:
    """At the far end of the lineage, and back again."""
    student, deepseek = story.names["student"], story.names["deepseek"]

    def conclude(*licenses: str) -> None:
        request = licensing_pb2.ConcludeLicensesRequest(
            name=deepseek, licenses=licensing_pb2.LicenseSet(ids=licenses), rationale="read again"
        )
        story.rob.licenses.ConcludeLicenses(request)

    before = story.verdict(student, outbound="openrail-m")
    conclude("llama3")
    assert story.verdict(student, outbound="openrail-m") == "denied"
    conclude("deepseek-model-1.0")
    assert story.verdict(student, outbound="openrail-m") == before == "needs_review"
