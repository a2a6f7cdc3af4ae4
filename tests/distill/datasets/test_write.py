"""A dataset as a folder: complete, true to its manifest, and the same bytes from the same rows."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import matplotlib
import pytest
import yaml

from distill.curation.curate import Curated, curate
from distill.curation.decontamination import Suite
from distill.curation.settings import CurationSettings
from distill.datasets.description import Description, VerificationCounts
from distill.datasets.write import registration, write_dataset
from distill.trajectories.jsonl import read_trajectories
from distill.trajectories.types import Trajectory
from registry.catalog.manifest import check_manifest
from spiritsafe.errors import DataLoss, FailedPrecondition
from spiritsafe.hub.cards import HubLicense
from spiritsafe.registry.v1 import version_pb2
from tests.distill.curation.rows import row

VERIFIED = VerificationCounts(40, 30, {"format": {"malformed": 7}, "execution": {}, "semantic": {"wrong_state": 3}})
ABOUT = Description(
    title="Desk: traces",
    summary="Conversations at a desk.",
    licenses=[HubLicense("cc-by-nc-4.0", "cc-by-nc-4.0")],
    teachers=["Salesforce/xLAM-7b-fc-r"],
    judges=["acme/judge"],
    sampling={"temperature": 0.5},
    environments=["support_desk"],
    verification=VERIFIED,
    replay_sources=["general.jsonl"],
    inputs={"rollouts": "ab" * 32},
    limitations=["English alone."],
)
SECRET = "the words of an evaluation that nobody may publish again"


def curated() -> Curated:
    rows = [row(f"r{index}", f"please look for thing {index} in {index * 7} stores") for index in range(25)]
    rows += [row(name, "¿dónde | está?", tools=()) for name in ("copy", "copied")]
    rows += [row("leak", f"well, {SECRET}"), row("café", "大小", tools=())]
    replay = [row(f"g{index}", f"talk {index} talk", tools=(), offered=()) for index in range(9)]
    wanted = CurationSettings(replay=0.1, most_no_call=0.2)
    return curate(rows, wanted, [Suite("held-out", {"h": SECRET})], replay)


def files(folder: Path) -> dict[str, str]:
    """Digests by path."""
    paths = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in paths}


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("datasets") / "desk"
    write_dataset(folder, curated(), ABOUT, shard_rows=20)
    return folder


def load(path: Path) -> Any:
    return json.loads(path.read_text("utf-8"))


def test_everything_is_there(written: Path) -> None:
    names = ("turns", "calls", "tools", "lengths", "rejections")
    plots = {f"plots/{name}.{kind}" for name in names for kind in ("png", "svg")}
    data = {"data/train-00000-of-00002.jsonl", "data/train-00001-of-00002.jsonl"}
    own = {"README.md", "manifest.json", "statistics.json", "curation.json"}
    assert {*files(written)} == plots | data | own
    rows: list[Trajectory] = []
    for path in sorted((written / "data").iterdir()):
        rows += read_trajectories(path)
    assert tuple(rows) == curated().kept


def test_the_manifest_tells_every_file(written: Path) -> None:
    manifest = load(written / "manifest.json")
    told = {one["path"]: one["sha256"] for one in manifest["files"]}
    assert told == {path: digest for path, digest in files(written).items() if path != "manifest.json"}
    assert all(one["size"] == (written / one["path"]).stat().st_size for one in manifest["files"])
    assert (manifest["rows"], manifest["replayed"], manifest["inputs"]) == (30, 3, {"rollouts": "ab" * 32})
    assert CurationSettings.from_json(manifest["settings"]) == CurationSettings(replay=0.1, most_no_call=0.2)


def test_the_card_is_readable_by_hubs_and_tells_how_the_rows_were_made(written: Path) -> None:
    text = (written / "README.md").read_text("utf-8")
    _, front, body = text.split("---\n", 2)
    fields = yaml.safe_load(front)
    assert (fields["license"], fields["pretty_name"]) == ("cc-by-nc-4.0", "Desk: traces")
    assert fields["size_categories"] == ["n<1K"]
    assert fields["configs"][0]["data_files"] == [{"split": "train", "path": "data/train-*.jsonl"}]
    headings = [line for line in body.splitlines() if line.startswith("## ")]
    assert headings == ["## What it is", "## How it was made", "## Statistics", "## Limitations", "## Licence"]
    for line in (
        "| written by | Salesforce/xLAM-7b-fc-r |",
        "| judged by | acme/judge |",
        "| format | malformed | 7 |",
        "| copies | 29 | 28 | copy 1 |",
        "| contamination | 28 | 27 | evaluation_words 1 |",
        "| replay | 10.0% | 0.0% | 10.0% | yes |",
        "Of 40 conversations 30 (75.0%) were accepted.",
        "* English alone.",
        "is not legal advice",
    ):
        assert line in body
    assert all((written / path).is_file() for path in (f"plots/{name}.png" for name in ("turns", "lengths", "tools")))


def test_words_of_evaluations_are_not_published(written: Path) -> None:
    for path in written.rglob("*"):
        assert path.is_dir() or b"nobody may publish" not in path.read_bytes()


def test_what_is_registered_is_what_the_registry_takes(written: Path) -> None:
    found = registration(written)
    paths = [one.path for one in found.files]
    assert not [path for path in paths if path.startswith("plots/")]
    assert {"README.md", "manifest.json", "data/train-00000-of-00002.jsonl"} <= {*paths}
    entries = [version_pb2.FileEntry(path=one.path, size_bytes=one.size, sha256=one.sha256) for one in found.files]
    check_manifest(entries)
    assert found.card == (written / "README.md").read_text("utf-8")
    assert (found.statistics["rows"], found.statistics["replayed"]) == (30, 3)
    assert found.statistics["verification"]["rejected"]["format"] == {"malformed": 7}


def test_plots_have_no_time_and_no_version_in_them(written: Path) -> None:
    for path in (written / "plots").iterdir():
        content = path.read_bytes()
        assert matplotlib.__version__.encode() not in content
        assert b"<dc:date>" not in content


_WRITE = """
import sys
from pathlib import Path
from tests.distill.datasets.test_write import ABOUT, curated
from distill.datasets.write import write_dataset
write_dataset(Path(sys.argv[1]), curated(), ABOUT, shard_rows=20)
"""


def test_the_same_rows_give_the_same_bytes_in_another_process(written: Path, tmp_path: Path) -> None:
    environment = {**os.environ, "PYTHONHASHSEED": "7", "TZ": "Asia/Tokyo", "PYTHONPATH": os.pathsep.join(sys.path)}
    subprocess.run([sys.executable, "-c", _WRITE, str(tmp_path / "again")], env=environment, check=True)
    assert files(tmp_path / "again") == files(written)


def test_the_digest_of_the_rows_does_not_hang_on_the_card(written: Path, tmp_path: Path) -> None:
    other = Description(title="Other", summary="Something else.", stand_in=True)
    found = write_dataset(tmp_path / "other", curated(), other, shard_rows=20)
    assert found.content_sha256 == registration(written).content_sha256
    assert "**Stand-in.**" in found.card
    assert "No licence has been decided on" in found.card
    assert yaml.safe_load(found.card.split("---\n")[1])["tags"][-1] == "stand-in"
    (tmp_path / "other" / "data" / "train-00000-of-00002.jsonl").write_text("{}")
    with pytest.raises(DataLoss, match="are not those of its manifest"):
        registration(tmp_path / "other")


def test_what_is_unfinished_or_in_the_way_is_told(written: Path, tmp_path: Path) -> None:
    with pytest.raises(FailedPrecondition, match="is not empty"):
        write_dataset(written, curated(), ABOUT)
    with pytest.raises(FailedPrecondition, match=r"has no manifest\.json"):
        registration(tmp_path)
    with pytest.raises(FailedPrecondition, match="all 0 rows were left out"):
        write_dataset(tmp_path / "none", curate([], CurationSettings()), ABOUT)
