"""The rows of both systems: many small models and a large one, copied from one that the API made."""

from __future__ import annotations

from collections.abc import Callable

from tests.benchmarks.registry.cloning import Cloner, Copy, Row, Rows, check_alike
from tests.benchmarks.registry.sizes import Sizes
from tests.benchmarks.registry.systems import LARGE, SAMPLE, TEMPLATE, TEMPLATE_TAGS, Caller, Tags, slug_of, tags_of

_SAMPLE_PLACE = 12_345


class Template:
    """What the API writes for a model and for a version of it, read once from a small database."""

    def __init__(self, cloner: Cloner, caller: Caller) -> None:
        self.cloner = cloner
        before = cloner.rows()
        caller.create_model(TEMPLATE)
        self._model = cloner.new_rows(before)
        before = cloner.rows()
        caller.create_ready(TEMPLATE, TEMPLATE_TAGS)
        self._version = cloner.new_rows(before)

    def check(self, caller: Caller) -> None:
        """Has the API make another one, and compares it with a copy. Raises AssertionError where they differ."""
        self.cloner.start()
        copied: list[tuple[str, Row]] = []
        self.copy(SAMPLE, 1, lambda _: tags_of(_SAMPLE_PLACE), lambda table, row: copied.append((table, row)))
        before = self.cloner.rows()
        caller.create_model(SAMPLE)
        caller.create_ready(SAMPLE, tags_of(_SAMPLE_PLACE))
        check_alike(copied, self.cloner.new_rows(before))

    def fill(self, sizes: Sizes) -> None:
        """Writes every model."""
        self.cloner.start()
        with self.cloner.writer() as write:
            for model in range(sizes.models):
                first = model * sizes.versions
                self.copy(slug_of(model), sizes.versions, lambda number, first=first: tags_of(first + number), write)
            # Tags of its own: what is searched for is in the small models.
            self.copy(LARGE, sizes.large, lambda number: dict.fromkeys(TEMPLATE_TAGS, f"large-{number}"), write)

    def copy(self, slug: str, versions: int, tags: Callable[[int], Tags], write: Callable[[str, Row], None]) -> None:
        """Writes a model with versions of these tags, which are given by a version's number."""
        ids: dict[tuple[str, int], int] = {}
        model = Copy({TEMPLATE: slug}, fields={"latest_version": versions})
        self._write(self._model, model, ids, write)
        for number in range(1, versions + 1):
            marks = {f"mark-{key}": value for key, value in tags(number).items()}
            marks |= {TEMPLATE: slug, f"{TEMPLATE}/versions/1": f"{slug}/versions/{number}"}
            self._write(self._version, Copy(marks, number), dict(ids), write)

    def _write(
        self, rows: Rows, copy: Copy, ids: dict[tuple[str, int], int], write: Callable[[str, Row], None]
    ) -> None:
        for table, row in self.cloner.copies(rows, copy, ids):
            write(table, row)
