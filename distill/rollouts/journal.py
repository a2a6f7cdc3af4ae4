"""Finished episodes on disk as they come, so that a killed roll-out goes on with the scenarios that are missing."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from distill.environments.base import Scenario
from distill.rollouts.episode import Episode

Key = tuple[str, int]
"""Scenario id and number of the sample."""


class Journal:
    """A file of one episode a line. What a kill left of a last line is cut off when it is opened again.

    An episode is on disk once ``add`` has returned: a power cut loses none that was counted.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = path.open("ab+")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def read(self, scenarios: Iterable[Scenario]) -> dict[Key, Episode]:
        """The episodes of ``scenarios`` that are there; those of other scenarios are left where they are."""
        by_id: Mapping[str, Scenario] = {scenario.id: scenario for scenario in scenarios}
        found: dict[Key, Episode] = {}
        self._file.seek(0)
        whole = 0
        for line in self._file:
            if not line.endswith(b"\n"):
                break
            whole += len(line)
            row = json.loads(line)
            if row["scenario"] in by_id:
                found[row["scenario"], row["sample"]] = Episode.from_json(row, by_id[row["scenario"]])
        self._file.truncate(whole)
        return found

    def add(self, episodes: Iterable[Episode]) -> None:
        """Append ``episodes``."""
        lines = [json.dumps(episode.to_json(), ensure_ascii=False).encode() + b"\n" for episode in episodes]
        self._file.seek(0, os.SEEK_END)
        self._file.writelines(lines)
        self._file.flush()
        os.fsync(self._file.fileno())
