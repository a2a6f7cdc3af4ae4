"""What bundles and checks are made from: duties, origins, their papers and the steps of the lineage. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from registry.catalog import legal_files
from registry.licensing.verdict import RECORDED_APPROVAL

__all__ = ["RECORDED_APPROVAL", "Duty", "Facts", "Origin", "Paper", "Step", "plain"]


@dataclass(frozen=True, slots=True)
class Paper:
    """A file for people in a version: a licence, a notice, a card."""

    path: str
    content: bytes

    @property
    def text(self) -> str:
        return self.content.decode("utf-8", errors="replace")

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.content).hexdigest()

    @property
    def name(self) -> str:
        return PurePosixPath(self.path).name

    def is_called(self, *stems: str) -> bool:
        """Whether its name is one of the stems, with or without a suffix; case is ignored."""
        return self.name.split(".", 1)[0].upper() in stems

    @property
    def is_license(self) -> bool:
        return legal_files.is_license(self.path)

    @property
    def is_notice(self) -> bool:
        return legal_files.kind_of(self.path) == legal_files.NOTICE

    @property
    def is_policy(self) -> bool:
        return legal_files.kind_of(self.path) == legal_files.POLICY


@dataclass(frozen=True, slots=True)
class Origin:
    """A version whose terms reach the subject, or the subject itself.

    ``name`` is its resource name, ``short`` what people call it; ``source`` is where it was imported from, and
    ``readable`` whether it has files here and the content of its papers is in the store. ``too_long`` are the paths of
    papers that no bundle can hold.
    """

    name: str
    short: str
    public_name: str
    licenses: tuple[str, ...]
    imported: bool = False
    source: str = ""
    readable: bool = True
    papers: tuple[Paper, ...] = ()
    too_long: tuple[str, ...] = ()

    @property
    def maker(self) -> str:
        """Who published it, as far as its source or public name says; empty where neither does."""
        text = self.source.partition("@")[0] or self.public_name
        owner, slash, _ = text.partition("/")
        return owner if slash else ""

    @property
    def notices(self) -> list[Paper]:
        return [paper for paper in self.papers if paper.is_notice]

    @property
    def policies(self) -> list[Paper]:
        return [paper for paper in self.papers if paper.is_policy]


@dataclass(frozen=True, slots=True)
class Duty:
    """An obligation with its origins by resource name. ``confidence`` is that of the licence's profile."""

    code: str
    license: str
    triggers: tuple[str, ...]
    detail: str
    origins: tuple[str, ...]
    confidence: str

    @property
    def id(self) -> str:
        """``CODE:license``, or ``RECORDED_APPROVAL:<reason code>``."""
        return f"{self.code}:{self.license}"


@dataclass(frozen=True, slots=True)
class Step:
    """One lineage edge that carries terms, between short names."""

    child: str
    edge: str
    parent: str


@dataclass(frozen=True, slots=True)
class Facts:
    """All that a bundle of one version is made from; ``origins`` by resource name, the subject among them.

    ``steps`` begin at the subject and go on by distance. ``hidden`` is the number of ancestors that were left out for
    somebody who may not see them, and ``hidden_duties`` are the ids of the duties that come from these.
    """

    subject: Origin
    digest: str
    context: str
    outbound: str
    distributed: bool
    duties: tuple[Duty, ...]
    origins: Mapping[str, Origin]
    steps: Sequence[Step]
    hidden: int = 0
    hidden_duties: tuple[str, ...] = ()

    def of(self, code: str) -> list[Duty]:
        """The duties of one code, by licence."""
        return [duty for duty in self.duties if duty.code == code]

    def origins_of(self, duty: Duty) -> list[Origin]:
        return [self.origins[name] for name in duty.origins]

    @property
    def others(self) -> list[Origin]:
        """The ancestors, by name."""
        return [self.origins[name] for name in sorted(self.origins) if name != self.subject.name]


def plain(text: str) -> str:
    """Words with one space between, one way of writing quotes and the copyright sign: for comparing texts."""
    same = text.replace("©", "(c)").replace("(C)", "(c)").translate(str.maketrans("“”‘’", "\"\"''"))
    return " ".join(same.split())
