"""Filter fields whose values are names of other resources, as registry.listing.fields takes them."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import ColumnElement
from sqlmodel import Session

from registry.listing.fields import Column, equality
from registry.listing.filters import Restriction
from registry.services.names import version_of
from registry.storage.lookup import get_version


@dataclass(frozen=True, slots=True)
class VersionField:
    """``=`` and ``!=`` with a version's name, on a column that holds the version's id."""

    session: Session
    column: Column

    def sql(self, restriction: Restriction) -> ColumnElement[bool]:
        """Raises InvalidArgument, PermissionDenied, or NotFound for a version that is not there."""
        _, version = get_version(self.session, version_of(restriction.value, "filter"), "filter", deleted=True)
        return equality(restriction, self.column == version.id)
