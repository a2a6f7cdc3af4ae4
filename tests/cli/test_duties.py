"""``spiritsafe license bundle``, ``duties``, ``attest`` and ``revoke-attestation``."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from cli import exits
from tests.cli.conftest import Command

RELEASE = ("tool@1", "--context", "commercial", "--outbound", "apache-2.0")
BUNDLE = ("license", "bundle", *RELEASE)
JSON = ("--format", "json")
AUP = "USE_RESTRICTIONS:openrail-m"


@pytest.fixture
def tool(spiritsafe: Command, weights: Path, tmp_path: Path) -> None:
    """tool@1, made from a base under Apache-2.0 and taught by one under openrail-m whose text is its own file."""
    teacher = tmp_path / "teacher"
    teacher.mkdir()
    (teacher / "LICENSE.txt").write_text("OpenRAIL words, made up\n")
    for command in (
        ("model", "create", "qwen3"),
        ("model", "register", "qwen3", weights, "--kind", "base", "--license", "apache-2.0"),
        ("model", "create", "teacher"),
        ("model", "register", "teacher", teacher, "--kind", "base", "--license", "openrail-m"),
        ("model", "create", "tool"),
        (
            *("model", "register", "tool", weights, "--kind", "full", "--no-license"),
            *("--edge", "finetune:qwen3@1", "--edge", "distill_outputs:teacher@1"),
        ),
    ):
        done = spiritsafe(*command)
        assert done.code == exits.DONE, done.err


@pytest.mark.usefixtures("tool")
def test_a_bundle_is_written_once(spiritsafe: Command, tmp_path: Path) -> None:
    folder = tmp_path / "legal"
    done = spiritsafe(*BUNDLE, "--output", folder, *JSON)
    assert (done.code, done.data["output"], done.data["missing"]) == (exits.DONE, str(folder), [])
    written = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    assert written == {file["path"] for file in done.data["files"]}
    assert (folder / "LICENSES" / "openrail-m.txt").read_text() == "OpenRAIL words, made up\n"
    assert json.loads((folder / "bundle.json").read_text())["missing"] == []
    again = spiritsafe(*BUNDLE, "--output", folder, *JSON)
    assert (again.code, again.error["reason"]) == (exits.FAILED, "TARGET_NOT_EMPTY")
    assert spiritsafe(*BUNDLE, "--output", folder, "--overwrite").code == exits.DONE
    assert spiritsafe(*BUNDLE).code == exits.USAGE


@pytest.mark.usefixtures("tool")
def test_a_missing_text_is_told_and_fails(spiritsafe: Command, tmp_path: Path) -> None:
    unheard = ("license", "bundle", "tool@1", "--context", "commercial", "--outbound", "unheard-1.0")
    failed = spiritsafe(*unheard, "--output", tmp_path / "legal")
    assert failed.code == exits.FAILED
    assert "MISSING LICENSES/unheard-1.0.txt" in failed.out
    assert "spiritsafe[detect]" in failed.out
    assert (tmp_path / "legal" / "LICENSES" / "apache-2.0.txt").is_file()
    assert spiritsafe(*unheard, "--output", tmp_path / "other", "--allow-missing").code == exits.DONE
    refused = spiritsafe(*unheard, "--record", *JSON)
    assert (refused.code, refused.error["reason"]) == (exits.FAILED, "BUNDLE_INCOMPLETE")


@pytest.mark.usefixtures("tool")
def test_duties_from_open_to_settled(spiritsafe: Command) -> None:
    def states() -> dict[str, str]:
        return {each["code"]: each["state"] for each in spiritsafe("license", "duties", *RELEASE, *JSON).data["duties"]}

    assert set(states().values()) == {"met", "unmet", "open"}
    assert "--record" in spiritsafe("license", "duties", *RELEASE).out
    recorded = spiritsafe(*BUNDLE, "--record")
    assert recorded.code == exits.DONE
    assert "recorded by" in recorded.out
    assert {code for code, state in states().items() if state != "met"} == {AUP}
    attest = ("license", "attest", *RELEASE, "--duty", AUP, "--statement", "our terms have them")
    (made,) = spiritsafe(*attest, *JSON).data["attestations"]
    assert (made["duty"], made["statement"], states()[AUP]) == (AUP, "our terms have them", "attested")
    revoke = ("license", "revoke-attestation", made["name"].rpartition("/")[2], "--rationale", "they do not")
    assert spiritsafe(*revoke).code == exits.DONE
    assert states()[AUP] == "open"
    wrong = spiritsafe("license", "attest", *RELEASE, "--duty", "AUP:llama3", "--statement", "x", *JSON)
    assert (wrong.code, wrong.error["reason"]) == (exits.USAGE, "NO_SUCH_DUTY")
    assert AUP in wrong.error["remedy"]
