"""Enums between the contract and the tables."""

from __future__ import annotations

import pytest

from registry.licensing.vocabulary import Context, EdgeType, Verdict
from registry.wire import EnumType, enum_number, enum_text, enum_texts, license_set
from spiritsafe.errors import InvalidArgument
from spiritsafe.registry.v1 import licensing_pb2, version_pb2


@pytest.mark.parametrize(
    ("enum", "texts"),
    [
        (version_pb2.EdgeType, list(EdgeType)),
        (licensing_pb2.Context, list(Context)),
        (licensing_pb2.Verdict, list(Verdict)),
        (version_pb2.LineageCompleteness, ["complete", "partial"]),
    ],
)
def test_stored_texts_are_the_core_s_vocabulary(enum: EnumType, texts: list[str]) -> None:
    assert enum_texts(enum) == texts
    assert [enum_text(enum, enum_number(enum, text)) for text in texts] == texts


def test_unspecified_is_the_empty_text() -> None:
    assert enum_text(version_pb2.VersionKind, 0) == ""
    assert enum_number(version_pb2.VersionKind, "") == 0


@pytest.mark.parametrize("text", ["ADAPTER", "unspecified", "lora", "adapter ", "version_kind_adapter"])
def test_other_texts_are_refused(text: str) -> None:
    with pytest.raises(InvalidArgument, match="one of base, adapter") as caught:
        enum_number(version_pb2.VersionKind, text, "version.kind")
    assert caught.value.violations[0].field == "version.kind"


def test_a_number_of_a_newer_contract_is_refused() -> None:
    with pytest.raises(InvalidArgument):
        enum_text(version_pb2.VersionKind, 99, "version.kind")


def test_absent_and_empty_licences_differ() -> None:
    assert license_set(None) is None
    assert license_set([]) == licensing_pb2.LicenseSet()
