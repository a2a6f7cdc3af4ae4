"""What people would have to decide for a student, or a part of one, to be clear. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from registry.licensing.alternatives import ChangeKind, Cost, cost_of
from registry.licensing.student import Recipe, Waiver, licensor_of
from registry.licensing.verdict import Reason
from registry.licensing.vocabulary import UNKNOWN, ReasonCode


class Question(NamedTuple):
    """What one review answers; the same people answer it for every model of a licensor, so it counts once."""

    code: str
    waiver: Waiver


class Need(NamedTuple):
    """What people would have to decide for some parts to be clear."""

    waivers: frozenset[Waiver] = frozenset()
    questions: frozenset[Question] = frozenset()

    def __or__(self, other: object) -> Need:
        assert isinstance(other, Need)
        if not (other.waivers or other.questions):
            return self
        waivers = self.waivers | other.waivers
        questions = self.questions | other.questions
        return Need(waivers, frozenset(each for each in questions if each.waiver not in waivers))

    def covers(self, other: Need) -> bool:
        """Whether whoever decides this decides the other as well, whatever else has to be decided."""
        return other.waivers <= self.waivers and all(
            each in self.questions or each.waiver in self.waivers for each in other.questions
        )

    @property
    def cost(self) -> Cost:
        """What deciding all of it costs."""
        return cost_of(ChangeKind.AGREEMENT, len(self.waivers)) + cost_of(ChangeKind.REVIEW, len(self.questions))


def need_of(reasons: Sequence[Reason], recipe: Recipe) -> Need | None:
    """The least that lifts the reasons: a review where one can, else an agreement; None where neither does."""
    waivers: set[Waiver] = set()
    questions: set[Question] = set()
    for reason in reasons:
        waiver = Waiver(licensor_of(recipe, reason.origin), reason.licenses[0])
        if reason.liftable:
            questions.add(Question(reason.code, waiver))
        elif waiver.licensor and waiver.license != UNKNOWN and reason.code in _OF_LICENCES:
            waivers.add(waiver)
        else:
            return None
    return Need() | Need(frozenset(waivers), frozenset(questions))


# What a scan raised has codes of its own: somebody concludes it, and no contract makes it go away.
_OF_LICENCES = frozenset[str](ReasonCode)
