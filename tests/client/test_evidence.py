"""Envelopes and decisions verified offline: a changed byte, another key and an expired answer do not pass."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.evidence.identifiers import canonical_json
from registry.signing import Signer
from spiritsafe.errors import DataLoss, FailedPrecondition, InvalidArgument, SpiritsafeError
from spiritsafe.evidence import (
    DECISION_TYPE,
    envelope_json,
    parse_envelope,
    preauthentication_encoding,
    verify_decision,
    verify_envelope,
)

ISSUED = datetime(2026, 5, 12, 8, 0, tzinfo=UTC)
LONE_SURROGATE = '{"payloadType": "\\ud800", "payload": "", "signatures": []}'
FIELDS = {"allowed": True, "issue_time": "2026-05-12T08:00:00Z", "expire_time": "2026-05-12T08:05:00Z"}


@pytest.fixture(scope="module")
def signer(tmp_path_factory: pytest.TempPathFactory) -> Signer:
    return Signer(tmp_path_factory.mktemp("key") / "signing.key")


@pytest.fixture(scope="module")
def keys(signer: Signer) -> str:
    return signer.public_key().public_key_pem


def signed(signer: Signer, payload_type: str = DECISION_TYPE, **fields: Any) -> str:
    return json.dumps(envelope_json(signer.sign(payload_type, canonical_json(FIELDS | fields))))


def test_the_encoding_is_that_of_the_specification() -> None:
    encoded = preauthentication_encoding("http://example.com/HelloWorld", b"hello world")
    assert encoded == b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"


def test_a_decision_holds_until_it_expires(signer: Signer, keys: str) -> None:
    text = signed(signer)
    decision = verify_decision(text, keys, at=ISSUED + timedelta(minutes=4, seconds=59))
    assert decision.allowed
    assert decision.key_id == signer.key_id
    with pytest.raises(FailedPrecondition) as refused:
        verify_decision(text, keys, at=ISSUED + timedelta(minutes=5))
    assert refused.value.reason == "DECISION_EXPIRED"


def test_a_refusal_is_a_decision_too(signer: Signer, keys: str) -> None:
    assert not verify_decision(signed(signer, allowed=False), keys, at=ISSUED).allowed


def test_another_key_is_named(signer: Signer, tmp_path: Path) -> None:
    stranger = Signer(tmp_path / "signing.key").public_key()
    with pytest.raises(FailedPrecondition) as refused:
        verify_decision(signed(signer), stranger.public_key_pem, at=ISSUED)
    assert refused.value.reason == "KEY_UNKNOWN"
    assert signer.key_id in refused.value.message


def test_of_several_keys_the_right_one_is_found(signer: Signer, keys: str, tmp_path: Path) -> None:
    stranger = Signer(tmp_path / "signing.key").public_key().public_key_pem
    assert verify_decision(signed(signer), stranger + keys, at=ISSUED).key_id == signer.key_id


def test_a_foreign_signature_under_our_key_id_does_not_pass(signer: Signer, keys: str, tmp_path: Path) -> None:
    envelope = Signer(tmp_path / "signing.key").sign(DECISION_TYPE, canonical_json(FIELDS))
    envelope.signatures[0].keyid = signer.key_id
    with pytest.raises(DataLoss) as refused:
        verify_envelope(envelope, keys)
    assert refused.value.reason == "SIGNATURE_INVALID"


def test_another_type_is_no_decision(signer: Signer, keys: str) -> None:
    with pytest.raises(DataLoss) as refused:
        verify_decision(signed(signer, "application/json"), keys, at=ISSUED)
    assert refused.value.reason == "ENVELOPE_MALFORMED"


@given(data=st.data())
def test_no_changed_byte_passes(signer: Signer, keys: str, data: st.DataObject) -> None:
    """Whatever character of the file is changed: it is refused, or it says the same as before."""
    text = signed(signer)
    position = data.draw(st.integers(0, len(text) - 1))
    character = data.draw(st.characters(max_codepoint=0x17F).filter(lambda one: one != text[position]))
    changed = text[:position] + character + text[position + 1 :]
    try:
        decision = verify_decision(changed, keys, at=ISSUED)
    except (DataLoss, FailedPrecondition):
        return
    assert decision == verify_decision(text, keys, at=ISSUED)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        "[" * 100_000,
        LONE_SURROGATE,
        '{"payloadType": 1, "payload": "", "signatures": []}',
        '"x"',
        "\x00",
    ],
)
def test_what_is_no_envelope_is_said_so(keys: str, text: str) -> None:
    with pytest.raises(DataLoss) as refused:
        verify_decision(text, keys)
    assert refused.value.reason == "ENVELOPE_MALFORMED"


def test_an_envelope_is_found_in_a_larger_answer(signer: Signer) -> None:
    text = signed(signer)
    assert parse_envelope(json.dumps({"allowed": True, "envelope": json.loads(text)})) == parse_envelope(text)


@pytest.mark.parametrize("pem", ["", "no key", "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n"])
def test_a_file_without_a_key_is_a_mistake_of_usage(signer: Signer, pem: str) -> None:
    with pytest.raises(InvalidArgument) as refused:
        verify_decision(signed(signer), pem)
    assert refused.value.violations[0].field == "key"


def test_every_refusal_says_what_to_do(signer: Signer, keys: str) -> None:
    for text in ("{}", signed(signer, "application/json"), signed(signer)):
        with pytest.raises(SpiritsafeError) as refused:
            verify_decision(text, keys)
        assert refused.value.remedy
