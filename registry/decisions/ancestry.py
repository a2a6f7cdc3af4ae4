"""What never changes about a finalized version's lineage: its stored exposures and the names of its origins.

Names hold as long as the version does, since a version with descendants cannot be deleted and ids of models are fixed.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from threading import Lock
from typing import NamedTuple
from weakref import WeakKeyDictionary

from sqlmodel import Session

from registry.licensing import NodeExposures
from registry.storage.database import Database
from registry.storage.lookup import name_texts_of
from registry.storage.tables import Version
from spiritsafe.rpc.names import VersionName

# Some 300 bytes each; a chain of depth 300 counts 300.
MAX_ORIGINS = 200_000


class Name(NamedTuple):
    """A version's resource name as text, and in short."""

    full: str
    short: str

    @property
    def version(self) -> VersionName:
        """The same in its parts."""
        return VersionName.parse(self.full)

    @classmethod
    def of(cls, version: VersionName) -> Name:
        """The texts of a name."""
        return cls(str(version), version.short)


@dataclass(frozen=True, slots=True)
class Ancestry:
    """The stored exposures of a version. Nodes of exposures are version ids in decimal."""

    exposures: NodeExposures
    version_ids: tuple[int, ...]
    _names: dict[str, Name] = field(default_factory=dict)

    @classmethod
    def of(cls, version: Version) -> Ancestry:
        """Reads the stored form; needs a finalized version."""
        assert version.exposures is not None, "a finalized version has exposures"
        exposures = NodeExposures.from_json(version.exposures)
        return cls(exposures, tuple(sorted(map(int, exposures.origins))))

    def names(self, session: Session) -> Mapping[str, Name]:
        """Names of the version and its ancestors by node of the exposures; read from the database once."""
        if not self._names:
            found = name_texts_of(session, self.version_ids)
            # Whole: other threads read it as soon as it is not empty.
            self._names.update({str(version_id): Name(*texts) for version_id, texts in found.items()})
        return self._names


class AncestryCache:
    """The most recently used ancestries of one database, up to a number of origins in all."""

    def __init__(self, max_origins: int = MAX_ORIGINS) -> None:
        self._entries: OrderedDict[str, Ancestry] = OrderedDict()
        self._origins = 0
        self._max_origins = max_origins
        self._lock = Lock()

    def of(self, version: Version) -> Ancestry:
        """The ancestry of a committed, finalized version; it is known by its uid, which is never given again."""
        with self._lock:
            known = self._entries.get(version.uid)
            if known is not None:
                self._entries.move_to_end(version.uid)
                return known
        read = Ancestry.of(version)
        with self._lock:
            if version.uid not in self._entries:
                self._entries[version.uid] = read
                self._origins += len(read.version_ids)
            while self._origins > self._max_origins and len(self._entries) > 1:
                _, dropped = self._entries.popitem(last=False)
                self._origins -= len(dropped.version_ids)
        return read

    @property
    def origins(self) -> int:
        """How many origins the kept ancestries have in all."""
        return self._origins


_caches: WeakKeyDictionary[Database, AncestryCache] = WeakKeyDictionary()
_caches_lock = Lock()


def ancestries_of(database: Database) -> AncestryCache:
    """The cache of one open database."""
    with _caches_lock:
        return _caches.setdefault(database, AncestryCache())
