"""``spiritsafe deploy check``, ``evidence`` and ``report`` in an embedded registry."""

from __future__ import annotations

import hashlib
import json
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from cli import exits
from registry.evidence.identifiers import canonical_json
from registry.signing import Signer
from spiritsafe.evidence import DECISION_TYPE, envelope_json
from tests.cli.conftest import Command

FORMATS = ("html", "json", "cyclonedx", "spdx", "in-toto", "hf-card")


@pytest.fixture
def tool(spiritsafe: Command, weights: Path) -> str:
    """A permissive model with one version."""
    assert spiritsafe("model", "create", "tool").code == exits.DONE
    done = spiritsafe("model", "register", "tool", weights, "--kind", "full", "--license", "apache-2.0")
    assert done.code == exits.DONE
    return "tool@1"


@pytest.fixture
def keys(spiritsafe: Command, tool: str, tmp_path: Path) -> Path:
    path = tmp_path / "registry.pem"
    assert spiritsafe("evidence", "keys", "--output", path).code == exits.DONE
    return path


def test_a_decision_goes_its_way_offline(spiritsafe: Command, tool: str, keys: Path, tmp_path: Path) -> None:
    path = tmp_path / "decision.json"
    asked = spiritsafe("deploy", "check", tool, "--outbound", "apache-2.0", "--output", path, "--format", "json")
    assert asked.code == exits.DONE
    assert asked.data["allowed"]
    (tmp_path / "answer.json").write_text(asked.out)
    for file in (path, tmp_path / "answer.json"):
        done = spiritsafe("evidence", "verify", file, "--key", keys, "--format", "json")
        assert done.code == exits.DONE
        assert done.data["decision"]["allowed"] is True
    shown = spiritsafe("evidence", "verify", path, "--key", keys)
    assert "signature holds" in shown.out
    assert "allowed in commercial as apache-2.0" in shown.out


def test_by_digest_and_by_file(spiritsafe: Command, tool: str, weights: Path) -> None:
    version = spiritsafe("version", "show", tool, "--format", "json").data
    file = weights / "config.json"
    sha256 = hashlib.sha256(file.read_bytes()).hexdigest()
    for option in (("--digest", version["digest"]), ("--file", file), ("--file-sha256", sha256)):
        done = spiritsafe("deploy", "check", *option, "--context", "internal", "--format", "json")
        assert done.code == exits.DONE
        assert [one["version"] for one in done.data["evaluations"]] == [version["name"]]


def test_a_refusal_is_exit_code_3_here_and_there(
    spiritsafe: Command, weights: Path, keys: Path, tmp_path: Path
) -> None:
    spiritsafe("model", "create", "nc")
    spiritsafe("model", "register", "nc", weights, "--kind", "full", "--license", "cc-by-nc-4.0")
    path = tmp_path / "decision.json"
    asked = spiritsafe("deploy", "check", "nc@1", "--output", path)
    assert asked.code == exits.DENIED
    assert "NC_LIMITATION" in asked.out
    done = spiritsafe("evidence", "verify", path, "--key", keys)
    assert done.code == exits.DENIED
    assert "denied in commercial" in done.out


@pytest.mark.parametrize("given", [(), ("tool@1", "--digest", "0" * 64)])
def test_exactly_one_subject(spiritsafe: Command, given: tuple[str, ...]) -> None:
    done = spiritsafe("deploy", "check", *given, "--format", "json")
    assert done.code == exits.USAGE
    assert done.error["violations"][0]["field"] == "version"


def test_what_does_not_hold_is_exit_code_1(spiritsafe: Command, tool: str, keys: Path, tmp_path: Path) -> None:
    path = tmp_path / "decision.json"
    spiritsafe("deploy", "check", tool, "--output", path)
    envelope = json.loads(path.read_text())
    flipped = "A" if envelope["payload"][40] != "A" else "B"
    changed = envelope | {"payload": envelope["payload"][:40] + flipped + envelope["payload"][41:]}
    (tmp_path / "changed.json").write_text(json.dumps(changed))
    stranger = tmp_path / "stranger.pem"
    stranger.write_text(Signer(tmp_path / "other.key").public_key().public_key_pem)
    (tmp_path / "none.json").write_text("{}")
    for file, key, reason in (
        (tmp_path / "changed.json", keys, "SIGNATURE_INVALID"),
        (path, stranger, "KEY_UNKNOWN"),
        (tmp_path / "none.json", keys, "ENVELOPE_MALFORMED"),
        (expired(Signer(tmp_path / "home" / "signing.key"), tmp_path), keys, "DECISION_EXPIRED"),
    ):
        done = spiritsafe("evidence", "verify", file, "--key", key, "--format", "json")
        assert (done.code, done.error["reason"]) == (exits.FAILED, reason)
        assert done.out == ""


def expired(signer: Signer, folder: Path) -> Path:
    """A decision of a second ago that the registry itself signed."""
    then = datetime.fromtimestamp(time.time() - 1, UTC).isoformat()
    envelope = signer.sign(DECISION_TYPE, canonical_json({"allowed": True, "issue_time": then, "expire_time": then}))
    path = folder / "expired.json"
    path.write_text(json.dumps(envelope_json(envelope)))
    return path


def test_missing_files_are_a_mistake_of_usage(spiritsafe: Command, keys: Path, tmp_path: Path) -> None:
    done = spiritsafe("evidence", "verify", tmp_path / "none", "--key", keys, "--format", "json")
    assert (done.code, done.error["violations"][0]["field"]) == (exits.USAGE, "file")


@pytest.mark.parametrize("form", FORMATS)
def test_a_report_in_every_format(spiritsafe: Command, tool: str, tmp_path: Path, form: str) -> None:
    printed = spiritsafe("report", tool, "--format", form)
    assert printed.code == exits.DONE
    assert printed.out.strip()
    folder = tmp_path / "reports"
    folder.mkdir()
    written = spiritsafe("report", tool, "--format", form, "--output", folder)
    assert written.code == exits.DONE
    (file,) = folder.iterdir()
    assert file.name.startswith("tool-1.")
    assert "completeness" in written.err


def test_a_signed_report_verifies(spiritsafe: Command, tool: str, keys: Path, tmp_path: Path) -> None:
    signed, plain = tmp_path / "bom.dsse.json", tmp_path / "bom.json"
    spiritsafe("report", tool, "--format", "cyclonedx", "--signed", "--output", signed)
    done = spiritsafe("evidence", "verify", signed, "--key", keys, "--output", plain)
    assert done.code == exits.DONE
    assert json.loads(plain.read_text())["specVersion"] == "1.7"
    statement = tmp_path / "statement.json"
    spiritsafe("report", tool, "--format", "in-toto", "--context", "research", "--output", statement)
    shown = spiritsafe("evidence", "verify", statement, "--key", keys)
    assert "statement about tool" in shown.out
    assert "research: allowed" in shown.out


def test_a_report_cannot_be_written_to_nowhere(spiritsafe: Command, tool: str, tmp_path: Path) -> None:
    done = spiritsafe("report", tool, "--format", "json", "--output", tmp_path / "gone" / "file")
    assert (done.code, done.error["violations"][0]["field"]) == (exits.USAGE, "output")
