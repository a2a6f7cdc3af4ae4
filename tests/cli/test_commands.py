"""Commands end to end on a real embedded registry, read back as JSON."""

from __future__ import annotations

from pathlib import Path

from cli import exits
from tests.cli.conftest import Command


def test_register_show_and_download(spiritsafe: Command, weights: Path, tmp_path: Path) -> None:
    made = spiritsafe("model", "create", "tool", "--display-name", "acme/Tool-8B", "--format", "json").data
    assert made["name"] == "namespaces/default/models/tool"
    arguments = ("model", "register", "tool", weights, "--kind", "base", "--license", "mit", "--format", "json")
    version = spiritsafe(*arguments).data
    assert (version["state"], version["public_name"]) == ("ready", "acme/Tool-8B")
    assert {one["context"]: one["verdict"] for one in version["deployable"]}["research"].startswith("allowed")
    assert spiritsafe(*arguments).data["name"] == version["name"]
    listed = spiritsafe("version", "list", "tool", "--format", "json").data["versions"]
    assert [one["name"] for one in listed] == [version["name"]]
    done = spiritsafe("model", "download", "tool", "--to", tmp_path / "copy", "--format", "json").data
    for file in weights.iterdir():
        assert (Path(done["folder"]) / file.name).read_bytes() == file.read_bytes()


def test_a_draft_is_completed_by_registering(spiritsafe: Command, weights: Path) -> None:
    spiritsafe("model", "create", "tool")
    options = ("tool", weights, "--kind", "full", "--no-license", "--format", "json")
    draft = spiritsafe("version", "create", *options).data
    assert draft["state"] == "draft"
    assert draft["declared_licenses"] == {"ids": []}
    ready = spiritsafe("version", "register", *options).data
    assert (ready["name"], ready["state"]) == (draft["name"], "ready")


def test_lineage_with_dataset_and_catalogue(spiritsafe: Command, weights: Path) -> None:
    options = ("--format", "json", "--kind")
    xlam, traces = "generated_by:xlam@1", "trained_on:dataset:traces@1"
    for command in (
        ("model", "create", "xlam", "--display-name", "Salesforce/xLAM-7b-fc-r"),
        ("model", "register", "xlam", weights, *options, "full", "--from-catalog", "Salesforce/xLAM-7b-fc-r"),
        ("dataset", "create", "traces"),
        ("dataset", "register", "traces", weights, *options, "trajectories", "--no-license", "--edge", xlam),
        ("model", "create", "student"),
        ("model", "register", "student", weights, *options, "full", "--no-license", "--edge", traces),
    ):
        done = spiritsafe(*command)
        assert done.code == exits.DONE, done.err
    lineage = spiritsafe("lineage", "show", "student", "--format", "json").data
    assert [edge["type"] for edge in lineage["edges"]] == ["trained_on", "generated_by"]
    tree = spiritsafe("lineage", "show", "student").out
    for part in ("student@1", "trained_on dataset:traces@1", "generated_by xlam@1", "cc-by-nc-4.0"):
        assert part in tree
    check = ("license", "check", "student", "--context", "commercial", "--outbound", "openrail-m", "--format", "json")
    (evaluation,) = spiritsafe(*check).data["evaluations"]
    assert evaluation["verdict"] == "needs_review"
    assert evaluation["reasons"][0]["path"][1] == "trained_on"


def test_reviews_and_channels(spiritsafe: Command, weights: Path) -> None:
    spiritsafe("model", "create", "tool")
    spiritsafe("model", "register", "tool", weights, "--kind", "full", "--license", "cc-by-nc-4.0")
    requested = spiritsafe("review", "request", "tool@1", "--context", "internal", "--format", "json").data["reviews"]
    assert [one["state"] for one in requested] == ["open"]
    decide = ("review", "decide", requested[0]["name"], "approve", "--rationale", "memo", "--format", "json")
    assert spiritsafe(*decide).error["reason"] == "FOUR_EYES"
    listed = spiritsafe("review", "list", "--format", "json").data["reviews"]
    assert [one["name"] for one in listed] == [requested[0]["name"]]
    assert spiritsafe("promote", "tool@1", "research/production").code == exits.DONE
    held = spiritsafe("channel", "list", "tool", "--format", "json").data["channels"]
    assert [one["version"] for one in held] == ["namespaces/default/models/tool/versions/1"]
    assert spiritsafe("rollback", "tool", "research/production").code == exits.FAILED


def test_a_dry_run_changes_nothing(spiritsafe: Command) -> None:
    assert spiritsafe("model", "create", "tool", "--dry-run").code == exits.DONE
    assert spiritsafe("model", "list", "--format", "json").data == {"models": []}


def test_bad_options_name_themselves(spiritsafe: Command, weights: Path, tmp_path: Path) -> None:
    spiritsafe("model", "create", "tool")
    register = ("model", "register", "tool", weights, "--kind", "full", "--format", "json")
    for extra, field in (
        (("--edge", "stole:other@1"), "edge"),
        (("--edge", "merge:other"), "version"),
        (("--license", "mit", "--no-license"), "license"),
        (("--tag", "novalue"), "tag"),
    ):
        done = spiritsafe(*register, *extra)
        assert done.code == exits.USAGE
        assert done.error["violations"][0]["field"] == field
    done = spiritsafe("model", "register", "tool", tmp_path / "missing", "--kind", "full", "--format", "json")
    assert done.error["violations"][0]["field"] == "folder"
    assert spiritsafe("version", "list", "tool", "--format", "json").data == {"versions": []}


def test_licences(spiritsafe: Command) -> None:
    profiles = spiritsafe("license", "list", "--format", "json").data["licenses"]
    assert {"apache-2.0", "cc-by-nc-4.0", "deepseek-model-1.0"} <= {one["id"] for one in profiles}
    assert spiritsafe("license", "show", "no-such-licence").code == exits.NOT_FOUND


def test_audit(spiritsafe: Command) -> None:
    spiritsafe("model", "create", "tool")
    events = spiritsafe("audit", "log", "--format", "json").data["events"]
    assert [event["type"] for event in events] == ["registry.created", "model.created"]
    assert [event["sequence"] for event in events] == [1, 2]
    verified = spiritsafe("audit", "verify", "--format", "json").data
    assert (verified["verified"], verified["events"]) == (True, 2)


def test_doctor_of_a_sound_home(spiritsafe: Command, home: Path) -> None:
    spiritsafe("model", "create", "tool")
    done = spiritsafe("doctor", "--format", "json")
    checks = {check["check"]: check for check in done.data["checks"]}
    assert done.code == exits.DONE, checks
    assert checks["audit chain"]["detail"] == "2 events"
    home.chmod(0o755)
    done = spiritsafe("doctor", "--format", "json")
    assert done.code == exits.FAILED
    assert [check["check"] for check in done.data["checks"] if check["ok"] is False] == ["home"]


def test_doctor_of_a_damaged_database(spiritsafe: Command, home: Path) -> None:
    spiritsafe("model", "create", "tool")
    database = home / "registry.db"
    database.write_bytes(b"not a database" * 100)
    checks = {check["check"]: check["ok"] for check in spiritsafe("doctor", "--format", "json").data["checks"]}
    assert checks["database"] is False
