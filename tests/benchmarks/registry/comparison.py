"""The operations that both systems have, measured in turn so that noise of the machine hits both."""

from __future__ import annotations

import gc
import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from tests.benchmarks.registry.results import Comparison
from tests.benchmarks.registry.sizes import CALLERS, Sizes
from tests.benchmarks.registry.systems import LARGE, ONE_TAG, THREE_TAGS, Caller, System, slug_of, tags_of
from tests.benchmarks.registry.timing import Timed, alone, together

# Small models with parts of their own: what one operation writes must not slow another one down.
READ, MOVED, CREATED, CROWDED, FINISHED = (slug_of(number) for number in range(5))
PAGED = 50
_PLACES = itertools.count(1_000_000)
Act = Callable[[Caller], object]


@dataclass(frozen=True, slots=True)
class Operation:
    """``act`` is called by one caller, or by CALLERS at once; ``goals`` are ratios by what they compare."""

    name: str
    act: Act
    goals: Sequence[tuple[str, float | None]]
    crowd: bool = False


def prepare(system: System, sizes: Sizes) -> dict[bool, str]:
    """Fills the channels that are read; gives the token of the page that is asked for later, by number or not."""
    caller = system.connect()
    for slug in (READ, MOVED, LARGE):
        caller.move_channel(slug, 1)
    assert caller.search(ONE_TAG, PAGED), "no version has the tag that is searched for"
    tokens = dict.fromkeys((True, False), "")
    for by_number in tokens:
        for _ in range(sizes.page - 1):
            tokens[by_number] = caller.page(LARGE, sizes.page_size, tokens[by_number], by_number=by_number)
    assert all(tokens.values()), "there are too few versions for the page"
    return tokens


def operations(tokens: Mapping[bool, str], sizes: Sizes) -> list[Operation]:
    """Every operation, for a system where the late pages have these tokens."""
    turn = itertools.cycle((1, 2, 3))

    def page(token: str, *, by_number: bool) -> Act:
        return lambda caller: caller.page(LARGE, sizes.page_size, token, by_number=by_number)

    return [
        Operation("create a version", _create(CREATED), [("p50", 4)]),
        Operation(f"create a version, {CALLERS} at once", _create(CROWDED), [("rate", 4), ("p99", 10)], crowd=True),
        Operation("create a version of the large model", _create(LARGE), [("p50", None)]),
        Operation(
            "create a version that can be served",
            lambda caller: caller.create_ready(FINISHED, _tags()),
            [("p50", None)],
        ),
        Operation("read channel / alias", lambda caller: caller.read_channel(READ), [("p50", 10)]),
        Operation(
            f"read channel / alias, {CALLERS} at once",
            lambda caller: caller.read_channel(READ),
            [("rate", 10)],
            crowd=True,
        ),
        Operation(
            "read channel / alias of the large model", lambda caller: caller.read_channel(LARGE), [("p50", None)]
        ),
        Operation(f"first page of {sizes.page_size}", page("", by_number=False), [("p50", 50)]),
        Operation(f"page {sizes.page} of {sizes.page_size}", page(tokens[False], by_number=False), [("p50", 50)]),
        Operation(f"first page of {sizes.page_size}, by number", page("", by_number=True), [("p50", 50)]),
        Operation(
            f"page {sizes.page} of {sizes.page_size}, by number", page(tokens[True], by_number=True), [("p50", 50)]
        ),
        Operation("search by one tag", lambda caller: caller.search(ONE_TAG, PAGED), [("p50", 8)]),
        Operation("search by three tags", lambda caller: caller.search(THREE_TAGS, PAGED), [("p50", 8)]),
        Operation("move channel / alias", lambda caller: caller.move_channel(MOVED, next(turn)), [("p50", None)]),
        Operation(
            "move channel / alias of the large model",
            lambda caller: caller.move_channel(LARGE, next(turn)),
            [("p50", 100)],
        ),
    ]


def compare(ours: System, theirs: System | None, sizes: Sizes) -> list[Comparison]:
    """Every operation on both systems, in rounds; only on ours where there is no other."""
    systems = [ours] if theirs is None else [ours, theirs]
    acts = [operations(prepare(system, sizes), sizes) for system in systems]
    callers = [[system.connect() for _ in range(CALLERS)] for system in systems]
    timed = [[Timed() for _ in acts[0]] for _ in systems]
    gc.collect()
    gc.disable()
    try:
        for turn in range(sizes.rounds):
            for place in range(len(acts[0])):
                # Who comes first alternates.
                for which in range(len(systems))[:: 1 if turn % 2 else -1]:
                    timed[which][place].add(_measure(acts[which][place], callers[which], sizes))
    finally:
        gc.enable()
    return [
        Comparison(one.name, timed[0][place], timed[1][place] if theirs else None, by, goal)
        for place, one in enumerate(acts[0])
        for by, goal in one.goals
    ]


def _measure(operation: Operation, callers: Sequence[Caller], sizes: Sizes) -> Timed:
    if not operation.crowd:
        return alone(lambda: operation.act(callers[0]), sizes.calls, sizes.seconds)
    acts = [lambda caller=caller: operation.act(caller) for caller in callers]
    return together(acts, sizes.calls * 4, sizes.seconds)


def _create(slug: str) -> Act:
    return lambda caller: caller.create_version(slug, _tags())


def _tags() -> dict[str, str]:
    return {key: f"new-{value}" for key, value in tags_of(next(_PLACES)).items()}
