"""A licence's terms on their way as a finite automaton: few states, moved by each edge; and sets of pairs of states.

A *pair* joins a state at an ancestor with the state in which the same terms arrive at the subject. A set of pairs is
one integer with a bit for each, so that an edge is crossed for all licences at once.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from registry.licensing.exposures import mark_after, reach_key
from registry.licensing.policy import Policy
from registry.licensing.profiles import Catalogue, Profile
from registry.licensing.terms import TermKey, TermState, cross, own_state
from registry.licensing.vocabulary import NO_EFFECT_EDGES, WEIGHTS_EDGES, EdgeType, Mark, TermCode, TermStatus

_STOPS = -1


class State(NamedTuple):
    """What is left of the terms, and how they came."""

    terms: TermState
    mark: Mark = Mark.NONE
    crossing: EdgeType | None = None
    adapter: bool = False
    adapted: bool = False  # kept for terms that forbid sharing derivatives; others have fewer states without it

    def key(self, license_id: str, *, own: bool) -> TermKey:
        """The terms that arrive in this state."""
        terms = self.terms
        came = (self.crossing, self.mark, terms.breach, own)
        return TermKey(license_id, terms.codes, terms.status, *came, self.adapted)


class _Move(NamedTuple):
    """An edge as far as it matters to terms: weights edges but adapters and format conversions are alike; so are exempt
    children."""

    edge: EdgeType
    exempt: bool


# Every kind of edge with an effect; `finetune` stands for all weights edges but `adapter` and `convert`.
_ALIKE = dict.fromkeys(WEIGHTS_EDGES - {EdgeType.ADAPTER, EdgeType.CONVERT}, EdgeType.FINETUNE)
_KINDS = sorted({_ALIKE.get(edge, edge) for edge in set(EdgeType) - NO_EFFECT_EDGES})


class _Table:
    """Where each move leads from each state, by number. Licences with equal tables share one, and its bits."""

    def __init__(self, moves: dict[_Move, tuple[int, ...]], except_base: frozenset[str], offset: int) -> None:
        self.moves = moves
        self.except_base = except_base
        self.offset = offset
        self.size = len(next(iter(moves.values())))

    def pair(self, state: int, end: int) -> int:
        """The number of the bit that stands for a pair."""
        return self.offset + state * self.size + end

    def after(self, state: int, edge: EdgeType, families: frozenset[str]) -> int:
        return self.moves[_Move(edge, bool(self.except_base & families))][state]


class Automaton(NamedTuple):
    """The states of one licence, its own terms first, with the table that moves them."""

    states: tuple[State, ...]
    table: _Table


class Automata:
    """The automata of some licences under one catalogue and policy.

    Licences are wanted by id and whether the node that is under them is multimodal.
    """

    def __init__(self, wanted: Iterable[tuple[str, bool]], catalogue: Catalogue, policy: Policy) -> None:
        self._automata: dict[tuple[str, bool], Automaton] = {}
        self._tables: list[_Table] = []
        self._before: dict[tuple[EdgeType, frozenset[str], int], int] = {}
        self._rows: dict[tuple[EdgeType, frozenset[str]], list[tuple[int, int, int]]] = {}
        for license_id, multimodal in sorted(wanted):
            profile = catalogue.get(license_id)
            states, moves = _explore(profile, multimodal, policy.adapter_alone_is_derivative)
            self._automata[license_id, multimodal] = Automaton(states, self._shared(moves, profile.except_base))

    def of(self, license_id: str, multimodal: bool) -> Automaton:
        """The automaton of a wanted licence."""
        return self._automata[license_id, multimodal]

    @property
    def exempt_families(self) -> frozenset[str]:
        """The base families that some wanted licence exempts."""
        return frozenset().union(*(table.except_base for table in self._tables))

    @property
    def arrived(self) -> int:
        """The pairs at the subject itself: every state with itself."""
        return sum(1 << table.pair(each, each) for table in self._tables for each in range(table.size))

    def before(self, edge: EdgeType, families: frozenset[str], pairs: int) -> int:
        """The pairs at the parent from which those at the child come about; `families` are the child's."""
        key = (_ALIKE.get(edge, edge), families, pairs)
        known = self._before.get(key)
        if known is None:
            known = self._before[key] = self._work_back(*key)
        return known

    def _shared(self, moves: dict[_Move, tuple[int, ...]], except_base: frozenset[str]) -> _Table:
        for table in self._tables:
            if (table.moves, table.except_base) == (moves, except_base):
                return table
        last = self._tables[-1] if self._tables else None
        self._tables.append(_Table(moves, except_base, last.offset + last.size**2 if last else 0))
        return self._tables[-1]

    def _work_back(self, edge: EdgeType, families: frozenset[str], pairs: int) -> int:
        rows = self._rows.get((edge, families))
        if rows is None:
            rows = self._rows[edge, families] = list(self._moved_rows(edge, families))
        found = 0
        for source, mask, target in rows:
            row = pairs >> source & mask
            if row:
                found |= row << target
        return found

    def _moved_rows(self, edge: EdgeType, families: frozenset[str]) -> Iterator[tuple[int, int, int]]:
        """The bits of all pairs of one state: where they are at the child, their mask, where they go at the parent."""
        for table in self._tables:
            for state in range(table.size):
                moved = table.after(state, edge, families)
                if moved != _STOPS:
                    yield table.pair(moved, 0), (1 << table.size) - 1, table.pair(state, 0)


def _explore(
    profile: Profile, multimodal: bool, adapter_binds: bool
) -> tuple[tuple[State, ...], dict[_Move, tuple[int, ...]]]:
    """All states that a licence's own terms can come into, numbered as they are found, and the moves between them."""
    numbers = {State(own_state(profile, multimodal)): 0}
    waiting = list(numbers)
    except_base = profile.except_base
    exempt_or_not = (False, True) if except_base else (False,)
    moves: dict[_Move, list[int]] = {_Move(edge, exempt): [] for edge in _KINDS for exempt in exempt_or_not}
    for state in waiting:
        for move, moved in moves.items():
            families = except_base if move.exempt else frozenset[str]()
            after = _after(profile, state, move.edge, families, adapter_binds)
            if after is not None and after not in numbers:
                numbers[after] = len(numbers)
                waiting.append(after)
            moved.append(_STOPS if after is None else numbers[after])
    return tuple(numbers), {move: tuple(moved) for move, moved in moves.items()}


def _after(
    profile: Profile, state: State, edge: EdgeType, families: frozenset[str], adapter_binds: bool
) -> State | None:
    if edge is EdgeType.DERIVED_FROM:
        return state._replace(adapted=TermCode.NO_DERIVATIVES in state.terms.codes)
    terms = cross(profile, state.terms, reach_key(edge, state.mark), families)
    if terms is None:
        return None
    adapter = edge is EdgeType.ADAPTER
    if adapter and not adapter_binds:
        terms = terms._replace(status=TermStatus.CONTESTED)
    crossing = state.crossing if edge in WEIGHTS_EDGES else edge
    adapted = (state.adapted or edge is not EdgeType.CONVERT) and TermCode.NO_DERIVATIVES in terms.codes
    return State(terms, mark_after(edge, state.mark), crossing, state.adapter or adapter, adapted)
