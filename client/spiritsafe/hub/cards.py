"""How the front matter of a card on the Hugging Face hub names licences.

The rule is that of the hub's documentation of model cards: ``license`` is one id of the hub, else ``other`` with
``license_name`` and ``license_link``, a file beside the card.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

OTHER, UNKNOWN = "other", "unknown"
LICENSE_FILES = ("LICENSE", "LICENSE.md", "LICENSE.txt")
NO_LINK = "license_link: the hub asks for one beside license other; put the text beside the weights as LICENSE"
_ID = re.compile(r"[a-z0-9][a-z0-9.+-]*")
_NAME = re.compile(r"license_name: ([a-z0-9.-]+)")
_NOT_IN_NAME = re.compile(r"[^A-Za-z0-9.-]+")


@dataclass(frozen=True, slots=True)
class HubLicense:
    """A licence of the registry: its id there, and what its profile says of the hub (``hub_id`` of License)."""

    id: str
    hub: str

    @property
    def word(self) -> str:
        """The hub's id, ``unknown``, or ``other``."""
        if self.id == UNKNOWN:
            return UNKNOWN
        return self.hub if _ID.fullmatch(self.hub) else OTHER

    @property
    def name(self) -> str:
        """The ``license_name`` beside ``other``."""
        named = _NAME.search(self.hub)
        return named[1] if named else _NOT_IN_NAME.sub("-", self.id).lower()


def license_fields(licenses: Sequence[HubLicense], paths: Iterable[str]) -> dict[str, str]:
    """The fields about licences, empty for none; ``paths`` are the files beside the card."""
    if not licenses:
        return {}
    if len(licenses) == 1 and licenses[0].word != OTHER:
        return {"license": licenses[0].word}
    fields = {"license": OTHER, "license_name": "-and-".join(each.name for each in licenses)}
    link = next((path for path in paths if path in LICENSE_FILES), None)
    return fields | ({"license_link": link} if link else {})


def lacks_link(fields: dict[str, str]) -> bool:
    """Whether the hub asks for a link that the fields do not give: see NO_LINK."""
    return fields.get("license") == OTHER and "license_link" not in fields
