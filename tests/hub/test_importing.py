"""``spiritsafe import`` from a hub on this machine, into a registry of its own, to the verdicts that follow."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from cli import exits
from registry.licensing.entry_form import to_document
from tests.cli.conftest import Command
from tests.hub.publishers import WEIGHTS, publish_all
from tests.hub.serving import TOKEN, Fault, LocalHub
from tests.registry.shipped import find_entry

JSON = ("--format", "json")
TOOL = "acme/tool"


def imported(spiritsafe: Command, repo: str, *options: object) -> Any:
    done = spiritsafe("import", "hf", repo, *options, *JSON)
    assert done.code == exits.DONE, done.err
    return done.data


def refused(spiritsafe: Command, *command: object) -> tuple[int, Any]:
    done = spiritsafe(*command, *JSON)
    assert (done.code != exits.DONE, done.out) == (True, "")
    return done.code, done.error


def version(spiritsafe: Command, name: str) -> Any:
    return spiritsafe("version", "show", name, *JSON).data


def edges(found: Mapping[str, Any]) -> list[tuple[str, str]]:
    return [(edge["type"], edge["parent"].split("/")[3]) for edge in found["edges"]]


def reasons(spiritsafe: Command, name: str, outbound: str = "openrail-m") -> set[tuple[str, str]]:
    """Codes, each with a licence that it comes from, of the commercial verdict."""
    data = spiritsafe("license", "check", name, "--context", "commercial", "--outbound", outbound, *JSON).data
    (evaluation,) = data["evaluations"]
    return {(one["code"], license_id) for one in evaluation["reasons"] for license_id in one["licenses"]}


def test_a_base_the_card_does_not_name(spiritsafe: Command, hub: LocalHub) -> None:
    publish_all(hub)
    made = imported(spiritsafe, "Salesforce/xLAM-2-3b-fc-r")
    assert (made["outcome"], made["version"]) == (
        "imported",
        "namespaces/default/models/salesforce-xlam-2-3b-fc-r/versions/1",
    )
    (parent,) = made["parents"]
    assert (parent["hub_repo"], parent["outcome"]) == ("Qwen/Qwen2.5-3B-Instruct", "imported")
    recorded = version(spiritsafe, "salesforce-xlam-2-3b-fc-r@1")
    assert edges(recorded) == [("finetune", "qwen-qwen2.5-3b-instruct")]
    assert (recorded["imported"], recorded["kind"], recorded["files"]) == (True, "base", [])
    assert recorded["public_name"] == "Salesforce/xLAM-2-3b-fc-r"
    assert recorded["source"] == {"hub_repo": "Salesforce/xLAM-2-3b-fc-r", "revision": made["revision"]}
    assert recorded["lineage_completeness"] == "partial"
    facts = {(one["field"], one["value"], one["origin"], one["confidence"]) for one in made["facts"]}
    assert ("declared_licenses", "cc-by-nc-4.0", "card", "declared") in facts
    assert ("declared_licenses", "cc-by-nc-4.0", "catalog", "verified") in facts
    assert ("edges", "finetune Qwen/Qwen2.5-3B-Instruct", "catalog", "derived") in facts
    base = version(spiritsafe, "qwen-qwen2.5-3b-instruct@1")
    assert (base["declared_licenses"]["ids"], base["base_family"]) == (["qwen-research"], "qwen2.5")


def test_own_and_upstream_licences_reach_what_is_distilled(spiritsafe: Command, hub: LocalHub, weights: Path) -> None:
    publish_all(hub)
    for repo, kind in (
        ("Salesforce/xLAM-7b-fc-r", "model"),
        ("Salesforce/xLAM-2-3b-fc-r", "model"),
        ("Salesforce/xlam-function-calling-60k", "dataset"),
        ("Qwen/Qwen3-0.6B", "model"),
    ):
        imported(spiritsafe, repo, "--kind", kind)
    data = spiritsafe("dataset", "show", "salesforce-xlam-function-calling-60k@1", *JSON).data
    assert {parent for type_, parent in edges(data) if type_ == "generated_by"} == {
        "deepseek-ai-deepseek-v2-chat",
        "mistralai-mixtral-8x22b-instruct-v0.1",
    }
    for name, teacher in (("old", "salesforce-xlam-7b-fc-r"), ("new", "salesforce-xlam-2-3b-fc-r")):
        student(spiritsafe, weights, name, [f"distill_outputs:{teacher}@1"])
    student(spiritsafe, weights, "rows", ["trained_on:dataset:salesforce-xlam-function-calling-60k@1"])
    contested = ("NC_OUTPUT_REACH_CONTESTED", "cc-by-nc-4.0")
    assert reasons(spiritsafe, "old@1") == {contested}
    assert reasons(spiritsafe, "new@1") == {contested, ("NC_OUTPUT_REACH_CONTESTED", "qwen-research")}
    assert reasons(spiritsafe, "rows@1") == set()
    # DeepSeek's licence defines models trained on outputs as derivatives: its restrictions arrive in both students.
    incompatible = {("OUTBOUND_LICENSE_INCOMPATIBLE", "deepseek-model-1.0")}
    assert reasons(spiritsafe, "old@1", "apache-2.0") >= incompatible
    assert reasons(spiritsafe, "rows@1", "apache-2.0") == incompatible


def student(spiritsafe: Command, folder: Path, name: str, lineage: Sequence[str]) -> None:
    assert spiritsafe("model", "create", name, "--display-name", f"acme/{name}").code == exits.DONE
    options = [part for edge in (*lineage, "finetune:qwen-qwen3-0.6b@1") for part in ("--edge", edge)]
    done = spiritsafe("model", "register", name, folder, "--kind", "full", "--license", "apache-2.0", *options)
    assert done.code == exits.DONE, done.err


def test_the_same_again_changes_nothing(spiritsafe: Command, hub: LocalHub) -> None:
    publish_all(hub)
    first = imported(spiritsafe, "Salesforce/xLAM-2-3b-fc-r@main", "--files", "all")
    hub.asked.clear()
    again = imported(spiritsafe, f"Salesforce/xLAM-2-3b-fc-r@{first['revision']}", "--files", "all")
    assert (again["outcome"], again["version"]) == ("unchanged", first["version"])
    assert [path for path in hub.paths() if "/resolve/" in path or "/cdn/" in path] == []
    # What has less is found in what has more.
    assert imported(spiritsafe, "salesforce/xlam-2-3b-fc-r")["outcome"] == "unchanged"
    hub.repos["models", "Salesforce/xLAM-2-3b-fc-r"].commit(WEIGHTS, {"license": "apache-2.0"})
    newer = imported(spiritsafe, "Salesforce/xLAM-2-3b-fc-r")
    assert (newer["outcome"], newer["version"][-1]) == ("imported", "2")
    assert [parent["outcome"] for parent in newer["parents"]] == ["unchanged"]
    assert any("the catalogue counts" in one for one in newer["warnings"])


def test_all_bytes_are_fetched_verified_and_uploaded(spiritsafe: Command, hub: LocalHub, tmp_path: Path) -> None:
    publish_all(hub)
    made = imported(spiritsafe, "Salesforce/xLAM-2-3b-fc-r", "--files", "all")
    assert (made["files"], made["external_files"]) == (3, 0)
    assert [(one["path"], one["reason"]) for one in made["left_out"]] == [("pytorch_model.bin", "UNSAFE_FORMAT")]
    pickle = hashlib.sha256(b"\x80\x04.").hexdigest()
    assert not [path for path in hub.paths() if "pytorch_model" in path or pickle in path]
    spiritsafe("version", "download", "salesforce-xlam-2-3b-fc-r@1", "--to", tmp_path / "got")
    assert {path.name: path.read_bytes() for path in (tmp_path / "got").iterdir()} == WEIGHTS


def test_an_interrupted_upload_goes_on(spiritsafe: Command, hub: LocalHub) -> None:
    hub.model(TOOL, {"license": "mit"}, WEIGHTS)
    hub.faults = [Fault("/cdn/", body=bytes(len(WEIGHTS["model.safetensors"])), times=2)]
    code, error = refused(spiritsafe, "import", "hf", TOOL, "--files", "all")
    assert (code, error["reason"]) == (exits.FAILED, "HUB_CONTENT_MISMATCH")
    assert imported(spiritsafe, TOOL, "--files", "all")["version"].endswith("acme-tool/versions/1")


def test_external_files_until_they_are_mirrored(spiritsafe: Command, hub: LocalHub, tmp_path: Path) -> None:
    hub.model(TOOL, {"license": "mit"}, WEIGHTS)
    made = imported(spiritsafe, TOOL, "--files", "external", "--as", "tool")
    assert (made["version"], made["files"], made["external_files"]) == (
        "namespaces/default/models/tool/versions/1",
        3,
        1,
    )
    files = {one["path"]: (one["external"], one["uploaded"]) for one in version(spiritsafe, "tool@1")["files"]}
    assert files == {"README.md": (False, True), "config.json": (False, True), "model.safetensors": (True, False)}
    download = ("version", "download", "tool@1", "--to", tmp_path / "got")
    assert refused(spiritsafe, *download)[1]["reason"] == "FILES_EXTERNAL"
    promote = ("promote", "tool@1", "research/production")
    checks = {one["check"]: one for one in spiritsafe(*promote, *JSON).data["checks"]}
    assert (checks["integrity"]["reason"], checks["integrity"]["detail"]) == (
        "FILES_EXTERNAL",
        "not mirrored yet: model.safetensors",
    )
    assert "spiritsafe version mirror tool@1" in checks["integrity"]["remedy"]
    mirrored = spiritsafe("version", "mirror", "tool@1", *JSON)
    assert mirrored.data["mirrored_files"] == mirrored.data["external_files"] == 1
    assert spiritsafe(*download).code == exits.DONE
    assert (tmp_path / "got" / "model.safetensors").read_bytes() == WEIGHTS["model.safetensors"]
    assert spiritsafe(*promote, *JSON).data["state"] == "promoted"
    assert imported(spiritsafe, TOOL, "--files", "all", "--as", "tool")["outcome"] == "unchanged"


def test_a_gated_repository(spiritsafe: Command, hub: LocalHub, monkeypatch: pytest.MonkeyPatch) -> None:
    hub.model(TOOL, {"license": "mit"}, WEIGHTS, gated=True)
    code, error = refused(spiritsafe, "import", "hf", TOOL, "--files", "external")
    assert (code, error["reason"], error["metadata"]["page"]) == (
        exits.DENIED,
        "HUB_REPO_GATED",
        f"{hub.endpoint}/{TOOL}",
    )
    # What the card says is public.
    assert imported(spiritsafe, TOOL)["gated"]
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    assert imported(spiritsafe, TOOL, "--files", "external")["external_files"] == 1


def test_what_the_organisation_curated_counts(spiritsafe: Command, hub: LocalHub, tmp_path: Path) -> None:
    publish_all(hub)
    known = find_entry("Qwen/Qwen3-0.6B")
    assert known is not None
    file = tmp_path / "entries.json"
    file.write_text(json.dumps(to_document(known) | {"licenses": ["gemma"]}))
    curated = spiritsafe("catalog", "import", file, "--reason", "to see it", *JSON)
    assert curated.code == exits.DONE, curated.err
    made = imported(spiritsafe, "Qwen/Qwen3-0.6B")
    assert made["declared_licenses"] == ["gemma"]
    assert any("says apache-2.0, the catalogue (verified) gemma" in one for one in made["warnings"])


def test_parents_that_cannot_be_read_are_not_forgotten(spiritsafe: Command, hub: LocalHub) -> None:
    hub.model(TOOL, {"license": "mit", "base_model": ["acme/gone", "google/gemma-3-1b-it"]}, WEIGHTS)
    made = imported(spiritsafe, TOOL)
    assert len([one for one in made["warnings"] if "recorded with what the catalogue knows" in one]) == 2
    gone, gemma = made["parents"]
    assert (gone["revision"], gone["declared_licenses"]) == ("", None)
    assert (gemma["revision"], gemma["declared_licenses"]) == ("", ["gemma"])
    assert ("UNKNOWN_LICENSE", "unknown") in reasons(spiritsafe, "acme-tool@1")
    assert edges(version(spiritsafe, "acme-tool@1")) == [("merge", "acme-gone"), ("merge", "google-gemma-3-1b-it")]


def test_services_are_never_looked_for_on_a_hub(spiritsafe: Command, hub: LocalHub) -> None:
    hub.dataset("Salesforce/APIGen-MT-5k", {"license": "cc-by-nc-4.0"})
    hub.model("deepseek-ai/DeepSeek-V3", {"license": "other"})
    made = imported(spiritsafe, "Salesforce/APIGen-MT-5k", "--kind", "dataset", "--data-kind", "evaluation")
    services = [one for one in made["parents"] if "openai" in one["hub_repo"].lower()]
    assert [one["declared_licenses"] for one in services] == [["openai-terms"]]
    assert not [path for path in hub.paths() if "openai" in path.lower()]


def test_without_parents(spiritsafe: Command, hub: LocalHub) -> None:
    hub.model(TOOL, {"license": "mit", "base_model": "acme/base", "base_model_relation": "adapter"})
    made = imported(spiritsafe, TOOL, "--no-parents")
    found = version(spiritsafe, "acme-tool@1")
    assert (made["parents"], found["edges"], found["lineage_completeness"]) == ([], [], "partial")
    assert any("left out on request: acme/base" in one for one in made["warnings"])


def test_an_adapter_and_a_chain_of_parents(spiritsafe: Command, hub: LocalHub) -> None:
    hub.model("acme/adapter", {"license": "mit", "base_model": "acme/tuned"}, {"adapter_config.json": b"{}"})
    hub.model("acme/tuned", {"license": "mit", "base_model": "acme/root", "datasets": ["acme/rows", "not a name"]})
    hub.model("acme/root", {"license": "apache-2.0"})
    hub.dataset("acme/rows", {"license": "cc-by-nc-4.0"})
    imported(spiritsafe, "acme/adapter")
    adapter, tuned = version(spiritsafe, "acme-adapter@1"), version(spiritsafe, "acme-tuned@1")
    assert (adapter["kind"], edges(adapter)) == ("adapter", [("adapter", "acme-tuned")])
    assert (tuned["kind"], edges(tuned)) == ("base", [("finetune", "acme-root"), ("trained_on", "acme-rows")])
    assert tuned["lineage_completeness"] == "partial"
    assert len([path for path in hub.paths() if path == "/api/models/acme/root"]) == 1


def test_cards_that_name_each_other(spiritsafe: Command, hub: LocalHub) -> None:
    hub.model("acme/one", {"license": "mit", "base_model": "acme/two"})
    hub.model("acme/two", {"license": "mit", "base_model": "acme/one"})
    made = imported(spiritsafe, "acme/one")
    assert edges(version(spiritsafe, "acme-one@1")) == [("finetune", "acme-two")]
    (two,) = made["parents"]
    assert any("its own ancestor" in one for one in two["warnings"])
    assert version(spiritsafe, "acme-two@1")["lineage_completeness"] == "partial"


def test_two_repositories_with_one_id(spiritsafe: Command, hub: LocalHub) -> None:
    hub.model("a-b/c", {"license": "mit"})
    hub.model("a/b-c", {"license": "mit"})
    first, second = imported(spiritsafe, "a-b/c"), imported(spiritsafe, "a/b-c")
    assert first["version"] == "namespaces/default/models/a-b-c/versions/1"
    assert second["version"].startswith("namespaces/default/models/a-b-c-")
    assert imported(spiritsafe, "a/b-c")["version"] == second["version"]


def test_a_dry_run_changes_nothing(spiritsafe: Command, hub: LocalHub) -> None:
    publish_all(hub)
    planned = imported(spiritsafe, "Salesforce/xLAM-2-3b-fc-r", "--files", "all", "--dry-run")
    assert (planned["outcome"], planned["version"]) == ("planned", "")
    assert planned["facts"]
    assert spiritsafe("model", "list", *JSON).data["models"] == []


def test_the_table_tells_where_everything_comes_from(spiritsafe: Command, hub: LocalHub) -> None:
    publish_all(hub)
    done = spiritsafe("import", "hf", "Salesforce/xLAM-2-3b-fc-r", "--files", "external")
    assert done.code == exits.DONE, done.err
    assert "salesforce-xlam-2-3b-fc-r@1 imported: Salesforce/xLAM-2-3b-fc-r at" in done.out
    assert "3 files, 1 of them external" in done.out
    for words in ("Where it comes from", "catalog", "derived", "Left out", "UNSAFE_FORMAT"):
        assert words in done.out


@pytest.mark.parametrize(
    ("repo", "code", "reason"),
    [
        ("no/such", exits.NOT_FOUND, "HUB_REPO_NOT_FOUND"),
        ("acme/tool@gone", exits.NOT_FOUND, "HUB_REVISION_NOT_FOUND"),
        ("a/b/c", exits.USAGE, "INVALID_HUB_NAME"),
        ("acme/tool@", exits.USAGE, "INVALID_HUB_NAME"),
    ],
)
def test_what_cannot_be_imported(spiritsafe: Command, hub: LocalHub, repo: str, code: int, reason: str) -> None:
    hub.model(TOOL)
    found, error = refused(spiritsafe, "import", "hf", repo)
    assert (found, error["reason"]) == (code, reason)
    assert spiritsafe("model", "list", *JSON).data["models"] == []


def test_a_repository_of_pickles_alone(spiritsafe: Command, hub: LocalHub) -> None:
    hub.model(TOOL, {"license": "mit"}, {"model.ckpt": b"\x80", "weights.pkl": b"\x80"})
    code, error = refused(spiritsafe, "import", "hf", TOOL, "--files", "all")
    assert (code, error["violations"][0]["field"]) == (exits.USAGE, "files")
    assert len(imported(spiritsafe, TOOL)["left_out"]) == 2


SHA = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A snapshot as the hub's own tools leave it."""
    place = tmp_path / "snapshot"
    (place / ".cache" / "huggingface").mkdir(parents=True)
    (place / ".cache" / "huggingface" / "x.json").write_text("{}")
    for path, content in WEIGHTS.items():
        (place / path).write_bytes(content)
    (place / "README.md").write_text("---\nlicense: cc-by-nc-4.0\ntags:\n- function-calling\n---\n# xLAM\n")
    (place / "training.pt").write_bytes(b"\x80")
    return place


def test_a_folder_without_a_network(
    spiritsafe: Command, hub: LocalHub, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    command = ("import", "folder", folder, "--repo", "Salesforce/xLAM-2-3b-fc-r", "--revision", SHA)
    done = spiritsafe(*command, *JSON)
    assert done.code == exits.DONE, done.err
    assert (done.data["revision"], done.data["files"]) == (SHA, 3)
    assert [one["path"] for one in done.data["left_out"]] == ["training.pt"]
    assert {one["origin"] for one in done.data["facts"]} == {"folder", "catalog"}
    (parent,) = done.data["parents"]
    assert (parent["hub_repo"], parent["declared_licenses"]) == ("Qwen/Qwen2.5-3B-Instruct", ["qwen-research"])
    assert spiritsafe(*command, *JSON).data["outcome"] == "unchanged"
    assert hub.asked == []


@pytest.mark.parametrize(
    ("option", "value", "field"),
    [("--revision", "main", "revision"), ("--repo", "a b", "repo"), ("--files", "external", "files")],
)
def test_a_folder_that_is_not_described(spiritsafe: Command, folder: Path, option: str, value: str, field: str) -> None:
    options = {"--repo": TOOL, "--revision": SHA, option: value}
    code, error = refused(spiritsafe, "import", "folder", folder, *(part for pair in options.items() for part in pair))
    assert (code, error["violations"][0]["field"]) == (exits.USAGE, field)


@pytest.mark.parametrize("card", ["---\nlicense: [a\n---\n", "---\n- a list\n---\n", "\udcff"])
def test_a_card_that_cannot_be_read(spiritsafe: Command, folder: Path, card: str) -> None:
    (folder / "README.md").write_bytes(card.encode("utf-8", "surrogateescape"))
    code, error = refused(spiritsafe, "import", "folder", folder, "--repo", TOOL, "--revision", SHA)
    assert (code, error["violations"][0]["field"]) == (exits.USAGE, "README.md")
