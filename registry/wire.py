"""Between the contract's forms and the stored ones."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache
from typing import Any, Protocol

from google.protobuf import json_format, struct_pb2

from registry.errors import invalid
from spiritsafe.errors import InvalidArgument
from spiritsafe.registry.v1 import licensing_pb2


class EnumType(Protocol):
    """A protobuf enum, for example ``version_pb2.VersionKind``."""

    @property
    def DESCRIPTOR(self) -> Any: ...  # noqa: N802 - protobuf's name

    def __hash__(self) -> int: ...


def enum_text(enum: EnumType, number: int, field: str = "") -> str:
    """The stored form: the lower-case name without its prefix; "" for UNSPECIFIED.

    Raises:
        InvalidArgument: the enum has no such number (a newer client may send one).
    """
    value = enum.DESCRIPTOR.values_by_number.get(number)
    if value is None:
        raise _unknown(enum, str(number), field)
    text: str = value.name.removeprefix(_prefix(enum)).lower()
    return "" if number == 0 else text


@cache
def enum_number(enum: EnumType, text: str, field: str = "") -> Any:
    """The inverse of ``enum_text``, as the number type of that enum. Known texts are few, and asked for in each row.

    Raises:
        InvalidArgument: the text is no value; names the field.
    """
    value = enum.DESCRIPTOR.values_by_name.get(_prefix(enum) + (text.upper() or "UNSPECIFIED"))
    if value is None or text != text.lower() or text == "unspecified":
        raise _unknown(enum, repr(text), field)
    return value.number


def enum_texts(enum: EnumType) -> list[str]:
    """All stored forms but the unspecified one, in the order of their numbers."""
    return [enum_text(enum, value.number) for value in enum.DESCRIPTOR.values if value.number]


def license_set(ids: Iterable[str] | None) -> licensing_pb2.LicenseSet | None:
    """None stays absent: nothing known and none of its own are different facts."""
    return None if ids is None else licensing_pb2.LicenseSet(ids=ids)


def struct_data(struct: struct_pb2.Struct) -> dict[str, Any]:
    """The JSON object of a Struct, which holds every number as a float: files mean 700 when they say 700."""
    data: dict[str, Any] = _whole_numbers(json_format.MessageToDict(struct))
    return data


def _whole_numbers(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _whole_numbers(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_whole_numbers(each) for each in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _prefix(enum: EnumType) -> str:
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", enum.DESCRIPTOR.name).upper() + "_"


def _unknown(enum: EnumType, given: str, field: str) -> InvalidArgument:
    return invalid(field or enum.DESCRIPTOR.name, f"{given} is not one of {', '.join(enum_texts(enum))}")
