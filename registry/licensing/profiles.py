"""Licence profiles: one exact licence version each, as validated data."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cache
from importlib import resources
from typing import Any, TypeVar

from registry.licensing.vocabulary import (
    CONDITION_CODES,
    LIMITATION_CODES,
    UNKNOWN,
    Context,
    OutboundRelicense,
    ReachKey,
    ReachStatus,
    TermCode,
    Trigger,
)

_E = TypeVar("_E", bound=StrEnum)


class ProfileError(ValueError):
    """A licence profile is malformed; the message names the profile, the field and the allowed values."""


class Purpose(StrEnum):
    """The summary of a licence for one context. Verdicts come from codes, never from this."""

    ALLOW = "allow"
    REVIEW = "review"
    DENY = "deny"


@dataclass(frozen=True, slots=True)
class Limitation:
    """A code that can forbid. `threshold` counts monthly active users; `except_base` are exempt base families."""

    code: TermCode
    detail: str = ""
    threshold: int | None = None
    measured_at: str | None = None
    except_base: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Condition:
    """A duty and what triggers it. `prefix` is set for NAME_PREFIX alone."""

    code: TermCode
    trigger: Trigger
    detail: str = ""
    prefix: str | None = None


@dataclass(frozen=True, slots=True)
class Reach:
    """What crosses at one reach key. `carries` None stands for all codes."""

    status: ReachStatus
    carries: frozenset[TermCode] | None = None

    def filter(self, codes: frozenset[TermCode]) -> frozenset[TermCode]:
        """The codes that this reach lets through."""
        return codes if self.carries is None else codes & self.carries


@dataclass(frozen=True, slots=True)
class Profile:
    """One exact licence version."""

    id: str
    reach: Mapping[ReachKey, Reach]
    outbound_relicense: OutboundRelicense
    limitations: tuple[Limitation, ...] = ()
    conditions: tuple[Condition, ...] = ()
    purposes: Mapping[Context, Purpose] = field(default_factory=dict)
    category: str = ""
    hf_id: str | None = None
    spdx: str | None = None
    scancode: str | None = None
    evidence: tuple[str, ...] = ()
    confidence: str = "unverified"
    revocable: bool | None = None
    notes: str = ""

    @property
    def codes(self) -> frozenset[TermCode]:
        """Every code of the licence."""
        return frozenset(entry.code for entry in self._entries)

    @property
    def except_base(self) -> frozenset[str]:
        """Base families whose descendants the licence exempts from its prohibitions."""
        return frozenset().union(*(each.except_base for each in self.limitations))

    def clause(self, code: TermCode) -> str:
        """The clause behind a code: its own detail, else the profile's evidence."""
        details = (entry.detail for entry in self._entries if entry.code is code and entry.detail)
        return next(details, self.summary)

    @property
    def summary(self) -> str:
        """The evidence in one line; says so when the profile records none."""
        return "; ".join(self.evidence) or "no clause recorded"

    @property
    def _entries(self) -> tuple[Limitation | Condition, ...]:
        return (*self.limitations, *self.conditions)


class Catalogue:
    """Profiles by licence id. An id without a profile is answered with the `unknown` profile, never with a default."""

    def __init__(self, profiles: Iterable[Profile]) -> None:
        self._profiles = {profile.id: profile for profile in profiles}
        if UNKNOWN not in self._profiles:
            raise ProfileError(f"the catalogue has no profile {UNKNOWN!r}; licences without a profile need it")

    def get(self, license_id: str) -> Profile:
        """The profile of a licence; that of `unknown` for an id without one."""
        return self._profiles.get(license_id, self._profiles[UNKNOWN])

    def __contains__(self, license_id: object) -> bool:
        return license_id in self._profiles

    def __iter__(self) -> Iterator[Profile]:
        return iter(self._profiles.values())

    def __len__(self) -> int:
        return len(self._profiles)

    def extended(self, profiles: Iterable[Profile]) -> Catalogue:
        """A catalogue with profiles added, or replaced where the id exists."""
        return Catalogue([*self, *profiles])


@cache
def load_profiles() -> Catalogue:
    """The shipped catalogue, one file for each family of licences."""
    return Catalogue(parse_profile(each) for each in _shipped_documents())


@cache
def profile_digests() -> Mapping[str, str]:
    """The SHA-256 of each shipped profile's document, by licence id: equal as long as the program ships the same."""
    return {
        each["id"]: hashlib.sha256(json.dumps(each, sort_keys=True).encode()).hexdigest()
        for each in _shipped_documents()
    }


def _shipped_documents() -> Iterator[Mapping[str, Any]]:
    folder = resources.files("registry.licensing").joinpath("data/profiles").iterdir()
    files = sorted((each for each in folder if each.name.endswith(".json")), key=lambda file: file.name)
    for file in files:
        yield from json.loads(file.read_text(encoding="utf-8"))["profiles"]


_REQUIRED = frozenset({"id", "reach", "outbound_relicense"})
_TEXTS = frozenset({"id", "category", "hf_id", "spdx", "scancode", "confidence", "notes", "outbound_note"})
# A misspelt field must not silently drop a limitation, hence a closed list.
_FIELDS = _REQUIRED | _TEXTS | {"limitations", "conditions", "purposes", "evidence", "revocable", "scancode_verified"}
_LIMITATION_FIELDS = frozenset({"code", "detail", "threshold", "measured_at", "except_base"})
_CONDITION_FIELDS = frozenset({"code", "trigger", "detail", "prefix"})
_REACH_FIELDS = frozenset({"status", "carries"})
# Surest first; "n/a" is for profiles that stand for no text, such as that of an agreement.
CONFIDENCES = ("verified", "secondary", "derived", "unverified", "n/a")


def parse_profile(value: Mapping[str, Any]) -> Profile:
    """Validate one profile object of the catalogue's JSON form.

    Raises:
        ProfileError: a missing or unknown field, code, reach key or status; the message names it.
    """
    where = f"profile {value.get('id', '(no id)')!r}" if isinstance(value, Mapping) else "profile"
    _check_shape(value, where)
    return Profile(
        id=value["id"],
        reach=_reach(value["reach"], where),
        outbound_relicense=_member(OutboundRelicense, value["outbound_relicense"], f"{where} outbound_relicense"),
        limitations=tuple(
            _limitation(each, f"{where} limitations[{i}]")
            for i, each in enumerate(_objects(value.get("limitations", []), f"{where} limitations"))
        ),
        conditions=tuple(
            _condition(each, f"{where} conditions[{i}]")
            for i, each in enumerate(_objects(value.get("conditions", []), f"{where} conditions"))
        ),
        purposes={
            _member(Context, context, f"{where} purposes"): _member(Purpose, purpose, f"{where} purposes.{context}")
            for context, purpose in _object(value.get("purposes", {}), f"{where} purposes").items()
        },
        category=value.get("category") or "",
        hf_id=value.get("hf_id"),
        spdx=value.get("spdx"),
        scancode=value.get("scancode"),
        evidence=_strings(value.get("evidence", []), f"{where} evidence"),
        confidence=value.get("confidence") or "unverified",
        revocable=value.get("revocable"),
        notes="; ".join(value[name] for name in ("notes", "outbound_note") if value.get(name)),
    )


def _check_shape(value: object, where: str) -> None:
    fields = set(_object(value, where))
    assert isinstance(value, Mapping)
    if missing := sorted(_REQUIRED - fields):
        raise ProfileError(f"{where} lacks the field {missing[0]!r}")
    _check_fields(fields, _FIELDS, where)
    for name in sorted(_TEXTS & fields):
        if value[name] is not None and not isinstance(value[name], str):
            raise ProfileError(f"{where} {name} must be a string")
    if not value["id"]:
        raise ProfileError(f"{where} id must not be empty")
    if value.get("confidence") not in (None, *CONFIDENCES):
        raise ProfileError(f"{where} confidence is {value['confidence']!r}; use one of: {', '.join(CONFIDENCES)}")


def _check_fields(fields: Iterable[str], known: frozenset[str], where: str) -> None:
    if unknown := sorted(set(fields) - known):
        raise ProfileError(f"{where} has an unknown field {unknown[0]!r}; the fields are: {', '.join(sorted(known))}")


def _reach(value: object, where: str) -> dict[ReachKey, Reach]:
    entries = {
        _member(ReachKey, key, f"{where} reach"): _one_reach(each, f"{where} reach.{key}")
        for key, each in _object(value, f"{where} reach").items()
    }
    if missing := [key.value for key in ReachKey if key not in entries]:
        raise ProfileError(f"{where} reach lacks {missing[0]!r}; state every one of: {', '.join(ReachKey)}")
    return {key: entries[key] for key in ReachKey}


def _one_reach(value: object, where: str) -> Reach:
    entry = _object(value, where)
    _check_fields(entry, _REACH_FIELDS, where)
    status = _member(ReachStatus, entry.get("status"), f"{where}.status")
    carries = entry.get("carries", "all")
    if carries == "all":
        return Reach(status)
    return Reach(
        status, frozenset(_member(TermCode, code, f"{where}.carries") for code in _strings(carries, f"{where}.carries"))
    )


def _limitation(entry: Mapping[str, Any], where: str) -> Limitation:
    _check_fields(entry, _LIMITATION_FIELDS, where)
    code = _member(TermCode, entry.get("code"), f"{where}.code")
    if code not in LIMITATION_CODES:
        raise ProfileError(
            f"{where}.code is {code.value!r}, which is a condition; use one of: {_names(LIMITATION_CODES)}"
        )
    threshold = entry.get("threshold")
    if threshold is not None and (isinstance(threshold, bool) or not isinstance(threshold, int) or threshold <= 0):
        raise ProfileError(f"{where}.threshold must be a positive number of users")
    return Limitation(
        code,
        detail=str(entry.get("detail") or ""),
        threshold=threshold,
        measured_at=entry.get("measured_at"),
        except_base=frozenset(_strings(entry.get("except_base", []), f"{where}.except_base")),
    )


def _condition(entry: Mapping[str, Any], where: str) -> Condition:
    _check_fields(entry, _CONDITION_FIELDS, where)
    code = _member(TermCode, entry.get("code"), f"{where}.code")
    if code not in CONDITION_CODES:
        raise ProfileError(
            f"{where}.code is {code.value!r}, which is a limitation; use one of: {_names(CONDITION_CODES)}"
        )
    prefix = entry.get("prefix")
    if code is TermCode.NAME_PREFIX and not (isinstance(prefix, str) and prefix.strip()):
        raise ProfileError(f"{where}.prefix must give the prefix that {code.value} asks for")
    trigger = _member(Trigger, entry.get("trigger"), f"{where}.trigger")
    return Condition(code, trigger, detail=str(entry.get("detail") or ""), prefix=prefix)


def _member(kind: type[_E], value: object, where: str) -> _E:
    try:
        return kind(value)  # type: ignore[arg-type]  # the constructor is the check
    except ValueError:
        raise ProfileError(f"{where} is {value!r}; use one of: {_names(kind)}") from None


def _names(codes: Iterable[StrEnum]) -> str:
    return ", ".join(sorted(code.value for code in codes))


def _object(value: object, where: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise ProfileError(f"{where} must be an object")
    return value


def _objects(value: object, where: str) -> list[Mapping[str, Any]]:
    if not isinstance(value, list):
        raise ProfileError(f"{where} must be a list of objects")
    return [_object(each, f"{where}[{i}]") for i, each in enumerate(value)]


def _strings(value: object, where: str) -> tuple[str, ...]:
    if not isinstance(value, (list, tuple)) or not all(isinstance(each, str) for each in value):
        raise ProfileError(f"{where} must be a list of strings")
    return tuple(value)
