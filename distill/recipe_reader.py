"""Collects what is wrong with a recipe, field by field. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from spiritsafe.errors import InvalidArgument, Violation
from spiritsafe.rpc.names import check_id


class Reader:
    """Collects what is wrong, so that a caller learns of all of it at once."""

    def __init__(self) -> None:
        self.violations: list[Violation] = []

    def wrong(self, field: str, description: str) -> None:
        """Take note of a violation."""
        self.violations.append(Violation(field, description))

    def identifier(self, value: str, field: str, suffix: str = "") -> str:
        """A registry id. ``suffix`` is the longest that ids made from this one get."""
        if not value:
            self.wrong(field, "is missing; name the registry id that the result gets")
            return value
        try:
            check_id(value + suffix, field)
        except InvalidArgument as error:
            self.violations.extend(error.violations)
        return value

    def one_of(self, value: str, options: Sequence[str], field: str, what: str) -> str:
        """The value, which must be one of ``options``."""
        if value not in options:
            self.wrong(field, f"{value!r} is not a known {what}; use one of: {', '.join(options)}")
        return value

    def count(self, value: int, default: int, field: str) -> int:
        """The value, or the default where it is 0."""
        if value < 0:
            self.wrong(field, f"{value} is negative")
        return value or default

    def finish(self) -> None:
        """Raises InvalidArgument, with every violation, if there is one."""
        if self.violations:
            told = "; ".join(f"{one.field}: {one.description}" for one in self.violations)
            raise InvalidArgument(
                f"the recipe is not usable: {told}", reason="INVALID_RECIPE", violations=tuple(self.violations)
            )
