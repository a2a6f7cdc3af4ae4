"""What decisions of people have in common: a reason in words, evidence by digest, and two pairs of eyes."""

from __future__ import annotations

import re
from collections.abc import Iterable

from registry.errors import invalid
from registry.licensing import Catalogue
from registry.licensing.vocabulary import COMMERCIAL_AGREEMENT, UNKNOWN
from registry.wire import enum_text
from spiritsafe.errors import PermissionDenied
from spiritsafe.registry.v1 import licensing_pb2

_SHA256 = re.compile(r"[0-9a-f]{64}")


def required_text(value: str, field: str) -> str:
    """The text without surrounding space. Raises InvalidArgument when nothing is left."""
    if not value.strip():
        raise invalid(field, "must not be empty", reason="REQUIRED_FIELD", remedy=f"give {field} in a sentence or two")
    return value.strip()


def check_sha256(value: str, field: str) -> str:
    """The digest itself. Raises InvalidArgument unless it is 64 lower-case hexadecimal digits."""
    if _SHA256.fullmatch(value):
        return value
    raise invalid(field, "is not a SHA-256: 64 lower-case hexadecimal digits", reason="INVALID_DIGEST")


def check_license_id(catalogue: Catalogue, license_id: str, field: str) -> str:
    """The id itself. Raises InvalidArgument for one without a profile, and for the two that stand for no licence."""
    if license_id in catalogue and license_id not in (UNKNOWN, COMMERCIAL_AGREEMENT):
        return license_id
    raise invalid(
        field,
        f"{license_id!r} is not a licence with a profile",
        reason="UNKNOWN_LICENSE_ID",
        remedy="choose one of the ids that ListLicenses gives",
    )


def check_outbound(license_id: str) -> str:
    """One licence id, or nothing. Raises InvalidArgument for an expression: "a OR b" is no id, so it would match no
    rule about "a", and a denial would vanish."""
    if not any(character.isspace() for character in license_id):
        return license_id
    raise invalid(
        "outbound_license",
        f"{license_id!r} is not one licence id",
        remedy="name the one licence under which it is released",
    )


def context_text(number: int, field: str = "context") -> str:
    """The stored form of a context. Raises InvalidArgument when none is given."""
    text = enum_text(licensing_pb2.Context, number, field)
    if not text:
        raise invalid(field, "must be one of research, education, internal, commercial", reason="REQUIRED_FIELD")
    return text


def check_four_eyes(caller: str, act: str, involved: dict[str, str]) -> None:
    """Raises PermissionDenied when the caller is one of those involved (role to identity)."""
    held = [role for role, identity in involved.items() if identity == caller]
    if not held:
        return
    raise PermissionDenied(
        f"{caller} may not {act}: the same identity is its {' and '.join(held)}",
        reason="FOUR_EYES",
        remedy="let somebody else decide",
        metadata={"caller": caller, **involved},
    )


def distinct(values: Iterable[str]) -> list[str]:
    """Without repetitions, in the order of first appearance."""
    return list(dict.fromkeys(values))
