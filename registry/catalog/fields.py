"""Limits of the free fields that models, datasets and versions share. Pure; all raise InvalidArgument."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence

from google.protobuf.field_mask_pb2 import FieldMask
from google.protobuf.message import Message

from registry.errors import invalid

MAX_NAME_LENGTH = 256
MAX_TEXT_LENGTH = 65_536
MAX_TAGS = 64
MAX_TAG_VALUE_LENGTH = 1_024
# Exactly the keys that a filter can name after `tags.`.
_TAG_KEY = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._/-]{0,62}")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


def masked(given: Message, mask: FieldMask, updatable: Sequence[str]) -> list[str]:
    """The fields to change: those of the mask, all for ``*``, without a mask those that are set (AIP-134, AIP-161)."""
    paths = list(dict.fromkeys(mask.paths))
    if paths == ["*"]:
        return list(updatable)
    for path in paths:
        if path not in updatable:
            raise invalid("update_mask", f"{path!r} cannot be changed", remedy=f"name any of {', '.join(updatable)}")
    return paths or [field for field in updatable if getattr(given, field)]


def check_line(value: str, field: str) -> str:
    """One line of text, for names and ids of other systems."""
    if len(value) > MAX_NAME_LENGTH or _CONTROL.search(value):
        raise invalid(field, f"must be one line of at most {MAX_NAME_LENGTH} characters")
    return value


def check_text(value: str, field: str) -> str:
    if len(value) > MAX_TEXT_LENGTH:
        raise invalid(field, f"is {len(value)} characters long; at most {MAX_TEXT_LENGTH} are kept")
    return value


def check_tags(tags: Mapping[str, str], field: str) -> dict[str, str]:
    if len(tags) > MAX_TAGS:
        raise invalid(field, f"holds {len(tags)} tags; at most {MAX_TAGS} are kept")
    for key, value in tags.items():
        if not _TAG_KEY.fullmatch(key):
            raise invalid(field, f"{key!r} is not a key: 1 to 63 letters, digits, '_', '.', '/' or '-'")
        if len(value) > MAX_TAG_VALUE_LENGTH:
            raise invalid(field, f"the value of {key!r} is longer than {MAX_TAG_VALUE_LENGTH} characters")
    return dict(tags)


def check_licenses(ids: Collection[str], field: str) -> list[str]:
    """Ids once each, in their order. Any id is taken as it is: one without a profile counts as unknown later."""
    for license_id in ids:
        if not license_id.strip():
            raise invalid(field, "holds an empty licence id", remedy="leave the list out where nothing is known")
        check_line(license_id, field)
    return list(dict.fromkeys(ids))
