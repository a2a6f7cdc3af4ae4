"""What both systems are asked to do."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

Tags = Mapping[str, str]
TEMPLATE, SAMPLE, LARGE = "bench-template", "bench-sample", "large"


class Caller(Protocol):
    """One of the callers that work at the same time, with a connection of its own where the client makes one."""

    def create_model(self, slug: str) -> None: ...

    def create_version(self, slug: str, tags: Tags) -> None:
        """Registers one more version."""

    def create_ready(self, slug: str, tags: Tags) -> None:
        """Registers one more version, with all that it takes until it can be served."""

    def read_channel(self, slug: str) -> object:
        """What the model's channel, or alias, holds."""

    def move_channel(self, slug: str, number: int) -> None:
        """Has the channel, or alias, hold another version."""

    def page(self, slug: str, size: int, token: str, *, by_number: bool = True) -> str:
        """Reads a page of a model's versions, newest first; gives the token of the next.

        Not ``by_number``: as the system orders them where nobody says how.
        """

    def search(self, tags: Tags, size: int) -> int:
        """Reads the first versions of all models that have these tags; gives how many came."""


class System(Protocol):
    """A running server."""

    def connect(self) -> Caller: ...


def slug_of(model: int) -> str:
    """The id of a small model."""
    return f"model-{model:05}"


def tags_of(place: int) -> dict[str, str]:
    """Five tags of the version with this place among all: a quarter, 5 %, 1 %, 0.2 % and none share them."""
    return {
        "framework": f"framework-{place % 4}",
        "team": f"team-{place % 20}",
        "dataset": f"dataset-{place % 100}",
        "owner": f"owner-{place % 500}",
        "commit": f"{place:040x}",
    }


TEMPLATE_TAGS = {key: f"mark-{key}" for key in tags_of(0)}
ONE_TAG = {"owner": "owner-7"}
THREE_TAGS = {"framework": "framework-3", "team": "team-7", "dataset": "dataset-7"}
