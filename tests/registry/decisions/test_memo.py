from __future__ import annotations

from registry.decisions.memo import Memo, Question
from spiritsafe.registry.v1 import licensing_pb2


def question(uid: str = "a") -> Question:
    return Question(1, uid, "commercial", "", False, "name")


def answer(version: str = "v") -> licensing_pb2.Evaluation:
    return licensing_pb2.Evaluation(version=version)


def test_answer_ends_with_its_validity() -> None:
    memo = Memo()
    memo.put(question(), answer(), valid_until=100)
    assert memo.get(question(), at=99) == answer()
    assert memo.get(question(), at=100) is None
    assert len(memo) == 0


def test_answer_without_expiry_stays_and_another_question_has_none() -> None:
    memo = Memo()
    memo.put(question(), answer(), valid_until=None)
    assert memo.get(question(), at=10**18) == answer()
    assert memo.get(question()._replace(epoch=2), at=0) is None


def test_who_changes_an_answer_changes_a_copy() -> None:
    memo, given = Memo(), answer()
    memo.put(question(), given, valid_until=None)
    given.version = "changed by the giver"
    taken = memo.get(question(), at=0)
    assert taken is not None
    taken.version = "changed by the taker"
    assert memo.get(question(), at=0) == answer()


def test_the_least_recently_used_answer_is_crowded_out() -> None:
    memo = Memo(max_entries=2)
    for uid in ("a", "b"):
        memo.put(question(uid), answer(uid), valid_until=None)
    assert memo.get(question("a"), at=0) is not None
    memo.put(question("c"), answer("c"), valid_until=None)
    assert [uid for uid in "abc" if memo.get(question(uid), at=0)] == ["a", "c"]
