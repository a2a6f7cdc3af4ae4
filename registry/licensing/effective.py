"""Which of the licences that are known of a version count. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from registry.licensing.vocabulary import UNKNOWN


def effective(
    concluded: Iterable[str] | None, declared: Iterable[str] | None, detected: Iterable[str] | None, imported: bool
) -> list[str]:
    """Concluded, else declared AND detected; ``unknown`` when imported with nothing known. None: nothing is said."""
    if concluded is not None:
        return list(concluded)
    known = list(dict.fromkeys([*(declared or ()), *(detected or ())]))
    return known or ([UNKNOWN] if imported else [])
