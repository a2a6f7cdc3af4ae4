"""What could be done differently about a student, and what each kind of change costs.

Pure. Alternatives come from what is known (the catalogue's components, all licence profiles, all naming clauses).
Whether one helps is never said here, but found out by evaluating it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import lru_cache
from typing import Any

from registry.licensing.components import Component, Shelf
from registry.licensing.profiles import Catalogue, Profile
from registry.licensing.student import Method, Recipe
from registry.licensing.verdict import has_prefix
from registry.licensing.vocabulary import (
    COMMERCIAL_AGREEMENT,
    UNKNOWN,
    OutboundRelicense,
    TermCode,
    is_open_outbound,
    is_permissive_outbound,
)


class ChangeKind(StrEnum):
    """Kinds of changes, cheapest first: a plan is as dear as its dearest change.

    Work on the release, work on the run, another model within what was wanted, a person's decision, giving up what the
    student was to learn from, another company's signature.
    """

    RENAME = "rename"
    RELABEL = "relabel"
    METHOD = "method"
    DATA = "data"
    TEACHER_SIZE = "teacher_size"
    STUDENT_BASE = "student_base"
    REVIEW = "review"
    TEACHER_FAMILY = "teacher_family"
    NO_TEACHER = "no_teacher"
    AGREEMENT = "agreement"


Cost = int
# Counts of kinds side by side in one number, the dearest kind in front: a sum of costs counts changes, and the smaller
# number is the cheaper plan. No count of cheaper changes outweighs a dearer one.
_BITS = 16
_UNIT: Mapping[ChangeKind, Cost] = {kind: 1 << _BITS * place for place, kind in enumerate(ChangeKind)}


def cost_of(kind: ChangeKind, times: int = 1) -> Cost:
    """The cost of so many changes of a kind."""
    return times * _UNIT[kind]


# A search asks it for each combination; few different costs come up.
@lru_cache(maxsize=4096)
def kinds_in(cost: Cost) -> frozenset[ChangeKind]:
    """The kinds of changes that a cost counts."""
    return frozenset(kind for kind, unit in _UNIT.items() if cost // unit & (1 << _BITS) - 1)


@dataclass(frozen=True, slots=True)
class Brings:
    """The components that a choice puts into a student."""

    student: Component | None = None
    teacher: Component | None = None
    datasets: tuple[Component, ...] = ()
    judges: tuple[Component, ...] = ()

    @property
    def components(self) -> tuple[Component, ...]:
        """All of them."""
        return (*filter(None, (self.student, self.teacher)), *self.datasets, *self.judges)


@dataclass(frozen=True, slots=True)
class Option:
    """One choice at a slot; `kind` None is what was asked for. `apply` puts it into a recipe.

    `also` are further choices of the kind that differ from this one in nothing that a verdict depends on. `release` is
    what a way of release means to the terms of others: equal ones mean the same.
    """

    kind: ChangeKind | None
    label: str
    apply: Callable[[Recipe], Recipe]
    brings: Brings = Brings()
    also: tuple[str, ...] = ()
    release: object = None

    @property
    def teaches(self) -> bool:
        """Whether it brings something that a student learns from."""
        return bool(self.brings.teacher or self.brings.datasets)


@dataclass(frozen=True, slots=True)
class Slot:
    """Something of a recipe that can be chosen: `before` is what was asked for, the first of the options."""

    name: str
    before: str
    options: tuple[Option, ...]


@dataclass(frozen=True, slots=True)
class Market:
    """What can be chosen from, each list in a fixed order."""

    teachers: Sequence[Component] = ()
    students: Sequence[Component] = ()
    datasets: Sequence[Component] = ()

    @classmethod
    def of(cls, shelf: Shelf) -> Market:
        """Everything on a shelf."""
        return cls(shelf.teachers(), shelf.students(), shelf.datasets())


# Where slots stand: the ways of release first, then what the student is made of; further data comes last.
OUTBOUND, NAME, STUDENT_BASE, METHOD, TEACHER = range(5)


def slots_of(asked: Recipe, market: Market, catalogue: Catalogue) -> tuple[Slot, ...]:
    """What can be chosen: outbound licence, name, base, method and teacher, then each dataset, then each judge.

    Alternatives as good as an earlier one are folded into its `also`.
    """
    exempt = frozenset[str]().union(*(profile.except_base for profile in catalogue))
    teacher = asked.teacher.name if asked.teacher else "none"
    return (
        Slot("outbound licence", asked.outbound or "none named", tuple(_outbound(asked, market, catalogue))),
        Slot("name", asked.name, tuple(_names(asked, catalogue))),
        Slot("student base", asked.student.name, _folded(_students(asked, market), exempt)),
        Slot("method", asked.method.value, tuple(_methods(asked))),
        Slot("teacher", teacher, _folded(_teachers(asked, market), exempt)),
        *(Slot("dataset", each.name, _folded(_datasets(asked, each, market), exempt)) for each in asked.datasets),
        *(Slot("judge", each.name, _folded(_judges(each, market), exempt)) for each in asked.judges),
    )


def _as_asked(label: str, brings: Brings = Brings()) -> Option:
    return Option(None, label, lambda recipe: recipe, brings)


def _setting(**fields: Any) -> Callable[[Recipe], Recipe]:
    return lambda recipe: replace(recipe, **fields)


def _names(asked: Recipe, catalogue: Catalogue) -> Iterator[Option]:
    """Names that begin with what some naming clause asks for."""
    yield replace(_as_asked(asked.name), release=asked.name)
    prefixes = sorted({each.prefix for profile in catalogue for each in profile.conditions if each.prefix})
    owner, slash, tail = asked.name.rpartition("/")
    begun = max((each for each in prefixes if has_prefix(tail, each)), key=len, default="")
    bare = tail[len(begun) :].lstrip(" -_") or tail
    for prefix in prefixes:
        if not has_prefix(tail, prefix):
            name = f"{owner}{slash}{prefix.replace(' ', '-')}-{bare}"
            yield Option(ChangeKind.RENAME, name, _setting(name=name), release=name)


# Only an order among equals: the usual permissive licence, and the generic one that passes use restrictions on.
_USUAL_OUTBOUND = ("apache-2.0", "openrail-m")


_SAME_LICENCE = frozenset({TermCode.SHARE_ALIKE, TermCode.NO_DERIVATIVES})


def _outbound(asked: Recipe, market: Market, catalogue: Catalogue) -> Iterator[Option]:
    """Every profile that a release can carry: those of the base's weights, the usual ones, those that hand restrictions
    on, the rest."""
    offered = (*asked.components, *market.teachers, *market.students, *market.datasets)
    held = frozenset[str]().union(*(each.licenses() for each in offered))
    alike = frozenset(each for each in held if _SAME_LICENCE & catalogue.get(each).codes)
    yield replace(_as_asked(asked.outbound or "none named"), release=_release(asked.outbound, alike))
    of_base = asked.student.licenses()

    def order(profile: Profile) -> tuple[bool, bool, bool, str]:
        hands_on = profile.outbound_relicense is OutboundRelicense.FLOWDOWN
        return (profile.id not in of_base, profile.id not in _USUAL_OUTBOUND, not hands_on, profile.id)

    candidates = sorted(
        (profile for profile in catalogue if _can_release(profile) and profile.id != asked.outbound), key=order
    )
    groups: dict[tuple[object, object], list[str]] = {}
    for profile in candidates:
        groups.setdefault((_own_terms(profile), _release(profile.id, alike)), []).append(profile.id)
    for (_, release), (first, *also) in groups.items():
        yield Option(ChangeKind.RELABEL, first, _setting(outbound=first), also=tuple(also), release=release)


def _can_release(profile: Profile) -> bool:
    """Whether a student can be released under it: a licence, and one of which it is known what a release under it is.

    A permissive licence outside of the vocabulary's list would pass for one that hands restrictions on.
    """
    known = is_permissive_outbound(profile.id) or is_open_outbound(profile.id)
    restricts = bool(profile.limitations) or profile.outbound_relicense is not OutboundRelicense.ANY
    licence = profile.id not in (UNKNOWN, COMMERCIAL_AGREEMENT) and TermCode.COMPETING_MODEL not in profile.codes
    return licence and (known or restricts)


def _own_terms(profile: Profile) -> object:
    """All that a student's own licence does to it."""
    limitations = tuple((each.code, each.threshold) for each in profile.limitations)
    conditions = tuple((each.code, each.trigger, each.prefix) for each in profile.conditions)
    reach = tuple(sorted((key.value, each.status.value, each.carries) for key, each in profile.reach.items()))
    return (limitations, conditions, reach, profile.outbound_relicense)


def _release(license_id: str, alike: frozenset[str]) -> object:
    """All that a release under a licence means to the terms of others: whether it is permissive, whether it is open.

    One of `alike`, the share-alike licences of what the student may be made of, counts by its id, and so does none.
    """
    asked_for = license_id if license_id in alike or not license_id else None
    return (is_permissive_outbound(license_id), is_open_outbound(license_id), asked_for)


def _methods(asked: Recipe) -> Iterator[Option]:
    yield _as_asked(asked.method.value)
    if asked.teacher is not None:
        for method in Method:
            if method is not asked.method:
                yield Option(ChangeKind.METHOD, method.value, _setting(method=method))


def _students(asked: Recipe, market: Market) -> Iterator[Option]:
    yield _as_asked(asked.student.name, Brings(student=asked.student))
    for base in _near(asked.student, market.students):
        yield Option(ChangeKind.STUDENT_BASE, base.name, _setting(student=base), Brings(student=base))


def _teachers(asked: Recipe, market: Market) -> Iterator[Option]:
    """Other sizes of the family, other families, and no teacher at all: the given datasets alone, or another one."""
    teacher = asked.teacher
    yield _as_asked(teacher.name if teacher else "none", Brings(teacher=teacher))
    if teacher is None:
        return
    for other in _near(teacher, market.teachers):
        kind = ChangeKind.TEACHER_SIZE if other.family == teacher.family else ChangeKind.TEACHER_FAMILY
        yield Option(kind, other.name, _setting(teacher=other), Brings(teacher=other))
    without = _setting(teacher=None, method=Method.OUTPUTS)
    if asked.datasets:
        yield Option(ChangeKind.NO_TEACHER, "none, the datasets alone", without)
    for data in _others(asked.datasets, market.datasets):
        apply = _setting(teacher=None, method=Method.OUTPUTS, datasets=(*asked.datasets, data))
        label = f"none, {data.name} in its place"
        yield Option(ChangeKind.NO_TEACHER, label, apply, Brings(datasets=(data,)))


def _datasets(asked: Recipe, dataset: Component, market: Market) -> Iterator[Option]:
    """Parts of the dataset first, then doing without it, then other datasets."""
    yield _as_asked(dataset.name, Brings(datasets=(dataset,)))
    others = _others(asked.datasets, market.datasets)
    parts = [each for each in others if each.name.startswith(f"{dataset.name}#")]
    for other in (*parts, None, *(each for each in others if each not in parts)):
        brings = Brings(datasets=(other,) if other else ())
        yield Option(ChangeKind.DATA, other.name if other else "none", _exchange("datasets", dataset, other), brings)


def _judges(judge: Component, market: Market) -> Iterator[Option]:
    """Doing without the judge first, then other judges."""
    yield _as_asked(judge.name, Brings(judges=(judge,)))
    for other in (None, *_near(judge, market.teachers)):
        brings = Brings(judges=(other,) if other else ())
        yield Option(ChangeKind.DATA, other.name if other else "none", _exchange("judges", judge, other), brings)


def _exchange(field: str, old: Component, new: Component | None) -> Callable[[Recipe], Recipe]:
    def apply(recipe: Recipe) -> Recipe:
        held: tuple[Component, ...] = getattr(recipe, field)
        exchanged = (new if one is old else one for one in held)
        return _setting(**{field: tuple(each for each in exchanged if each is not None)})(recipe)

    return apply


def _folded(options: Iterable[Option], exempt: frozenset[str]) -> tuple[Option, ...]:
    """What was asked, and one option for all of a kind that bring the same as far as a verdict can tell.

    Those that bring the same as what was asked cannot help, and are left out.
    """
    asked, *others = options
    groups: dict[object, list[Option]] = {}
    for option in others:
        if _effect(option.brings, exempt) != _effect(asked.brings, exempt):
            groups.setdefault((option.kind, _effect(option.brings, exempt)), []).append(option)
    folded = (replace(first, also=tuple(each.label for each in also)) for first, *also in groups.values())
    return (asked, *folded)


def _effect(brings: Brings, exempt: frozenset[str]) -> object:
    """All that a verdict can depend on: what reaches the student from each component, and in which role."""

    def of(component: Component | None) -> object:
        return component and (component.signature(exempt), component.exposures.families & exempt)

    return (
        of(brings.student),
        of(brings.teacher),
        *(tuple(map(of, each)) for each in (brings.datasets, brings.judges)),
    )


def _near(component: Component, others: Iterable[Component]) -> list[Component]:
    """Others: its family first, then the surest facts, then by how near the size is, then by name."""

    def order(other: Component) -> tuple[bool, int, float, str]:
        return (other.family != component.family, other.doubt, component.distance(other), other.name.casefold())

    return sorted((each for each in others if each.name != component.name), key=order)


def _others(held: Sequence[Component], others: Iterable[Component]) -> list[Component]:
    names = {each.name for each in held}
    return [each for each in others if each.name not in names]
