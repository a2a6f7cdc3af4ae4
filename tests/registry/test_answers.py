"""Answers that are given again: never after a change, never past their time, never to somebody else."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from registry.answers import Answers, Question, is_repeatable, repeatable, true_until
from registry.clock import now
from registry.home import DATABASE_FILE, open_home
from registry.storage.database import Database
from spiritsafe.errors import NotFound
from spiritsafe.rpc.caller import Caller

QUESTION = Question("/a/Get", b"one", Caller("ada"))


class Found:
    """Counts how often an answer had to be found."""

    def __init__(self, end: int | None = None) -> None:
        self.times = 0
        self.end = end

    def __call__(self) -> bytes:
        self.times += 1
        true_until(self.end)
        return b"answer %d" % self.times


@pytest.fixture
def database(tmp_path: Path) -> Database:
    registry = open_home(tmp_path / "home")
    registry.database.close()
    return Database(tmp_path / "home" / DATABASE_FILE)


def touch(database: Database) -> None:
    """A commit that changes something."""
    with database.write() as session:
        session.connection().exec_driver_sql("CREATE TABLE IF NOT EXISTS touched (at INTEGER)")
        session.connection().exec_driver_sql(f"INSERT INTO touched VALUES ({now()})")


def test_an_answer_is_given_again_until_anybody_commits(database: Database, tmp_path: Path) -> None:
    answers, find = Answers(database), Found()
    assert answers.recall(QUESTION) is None
    assert answers.answer(QUESTION, find) == b"answer 1"
    assert answers.recall(QUESTION) == b"answer 1"
    other = Database(tmp_path / "home" / DATABASE_FILE)
    for writer in (database, other):
        touch(writer)
        assert answers.recall(QUESTION) is None
        answers.answer(QUESTION, find)
        assert answers.recall(QUESTION) is not None
    assert find.times == 3
    other.close()
    database.close()


@pytest.mark.parametrize(
    "other",
    [
        QUESTION._replace(path="/a/List"),
        QUESTION._replace(request=b"two"),
        QUESTION._replace(caller=Caller("bo")),
        QUESTION._replace(caller=Caller("ada", namespaces=frozenset({"lab"}))),
    ],
)
def test_another_question_has_another_answer(database: Database, other: Question) -> None:
    answers = Answers(database)
    answers.answer(QUESTION, Found())
    assert answers.recall(other) is None
    database.close()


def test_an_answer_ends_with_the_first_of_its_times(database: Database) -> None:
    answers = Answers(database)

    def find() -> bytes:
        for end in (None, now() + 60_000_000, now() + 200_000, now() + 90_000_000):
            true_until(end)
        return b"short"

    answers.answer(QUESTION, find)
    assert answers.recall(QUESTION) == b"short"
    time.sleep(0.21)
    assert answers.recall(QUESTION) is None
    answers.answer(QUESTION, Found(end=now()))
    assert answers.recall(QUESTION) is None
    database.close()


def test_a_change_while_an_answer_is_found_makes_it_one_that_is_not_given_again(database: Database) -> None:
    answers = Answers(database)

    def find() -> bytes:
        touch(database)
        return b"from before"

    assert answers.answer(QUESTION, find) == b"from before"
    assert answers.recall(QUESTION) is None
    database.close()


def test_an_error_is_no_answer(database: Database) -> None:
    answers = Answers(database)

    def fail() -> bytes:
        raise NotFound("gone")

    with pytest.raises(NotFound):
        answers.answer(QUESTION, fail)
    assert answers.recall(QUESTION) is None
    database.close()


def test_only_marked_methods_are_repeatable() -> None:
    assert is_repeatable(repeatable(lambda: None))
    assert not is_repeatable(lambda: None)
