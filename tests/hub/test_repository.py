"""Reading a hub with huggingface_hub as it is, and all that goes wrong between here and there."""

from __future__ import annotations

import hashlib
import time
from dataclasses import replace

import pytest

from spiritsafe import errors
from spiritsafe.hub.names import HubFile, RepoRef, Snapshot
from spiritsafe.hub.repository import Hub, fetched_once_more
from tests.hub.conftest import PATIENCE
from tests.hub.serving import TOKEN, Fault, LocalHub

REF = RepoRef("acme/tool", "models")
WEIGHTS = bytes(range(256)) * 12_000  # three megabytes, in chunks of one
FILES = {"config.json": b'{"model_type": "qwen3"}', "model.safetensors": WEIGHTS}
DIGEST = hashlib.sha256(WEIGHTS).hexdigest()


@pytest.fixture
def snapshot(hub: LocalHub, reader: Hub) -> Snapshot:
    hub.model("acme/tool", {"license": "mit", "base_model": ["a/b"]}, FILES, ("base_model:finetune:a/b",))
    return reader.snapshot(REF)


def file(snapshot: Snapshot, path: str) -> HubFile:
    return next(one for one in snapshot.files if one.path == path)


def read(reader: Hub, snapshot: Snapshot, path: str = "model.safetensors") -> bytes:
    return b"".join(reader.verified(snapshot.ref, snapshot.commit, file(snapshot, path)))


def test_a_branch_is_resolved_to_its_commit(hub: LocalHub, reader: Hub, snapshot: Snapshot) -> None:
    repo = hub.repos["models", "acme/tool"]
    newer = repo.commit({"config.json": b"{ }"})
    repo.refs["v1"] = snapshot.commit
    assert reader.snapshot(REF).commit == newer
    assert reader.snapshot(REF, "v1") == reader.snapshot(REF, snapshot.commit) == snapshot


def test_card_files_and_commit_come_in_one_answer(hub: LocalHub, snapshot: Snapshot) -> None:
    assert snapshot.card["license"] == "mit"
    assert (snapshot.card["base_model"], snapshot.tags) == (["a/b"], ("base_model:finetune:a/b",))
    assert file(snapshot, "model.safetensors") == HubFile("model.safetensors", len(WEIGHTS), DIGEST)
    assert file(snapshot, "config.json").git_oid
    assert hub.paths() == ["/api/models/acme/tool"]


def test_datasets_have_addresses_of_their_own(hub: LocalHub, reader: Hub) -> None:
    hub.dataset("acme/rows", {"license": ["mit", "cc-by-4.0"]}, {"rows.jsonl": b"{}\n"})
    found = reader.snapshot(RepoRef("acme/rows", "datasets"))
    assert read(reader, found, "rows.jsonl") == b"{}\n"
    assert found.card["license"] == ["mit", "cc-by-4.0"]
    assert f"/datasets/acme/rows/resolve/{found.commit}/rows.jsonl" in hub.paths()


def test_what_arrives_is_what_the_commit_names(reader: Hub, snapshot: Snapshot) -> None:
    assert {path: read(reader, snapshot, path) for path in FILES} == FILES


def test_the_token_goes_to_the_hub_and_nowhere_else(hub: LocalHub, snapshot: Snapshot) -> None:
    read(Hub(hub.endpoint, TOKEN, patience=PATIENCE), snapshot)
    sent = {path: headers.get("authorization") for _, path, headers in hub.asked[1:]}
    assert sent == {
        f"/acme/tool/resolve/{snapshot.commit}/model.safetensors": f"Bearer {TOKEN}",
        f"/cdn/{DIGEST}": None,
    }


def test_a_transfer_that_breaks_off_goes_on_where_it_stopped(hub: LocalHub, reader: Hub, snapshot: Snapshot) -> None:
    hub.faults = [Fault("/cdn/", cut=2_000_000), Fault("/cdn/", cut=500_000)]
    assert read(reader, snapshot) == WEIGHTS
    ranges = [headers.get("range") for _, path, headers in hub.asked if "/cdn/" in path]
    assert ranges[0] is None
    assert all(one and one.startswith("bytes=") for one in ranges[1:])
    assert len(ranges) == 3


def test_a_file_that_ends_too_early_is_asked_for_once_more(hub: LocalHub, reader: Hub, snapshot: Snapshot) -> None:
    hub.faults = [Fault("/cdn/", cut=1_000, quiet=True)]
    assert read(reader, snapshot) == WEIGHTS
    hub.faults = [Fault("/cdn/", cut=1_000, quiet=True, times=2)]
    with pytest.raises(errors.DataLoss, match=r"2000 of 3072000 bytes arrived") as caught:
        read(reader, snapshot)
    assert caught.value.metadata == {"repo": "acme/tool", "path": "model.safetensors"}


def test_transfers_that_break_off_for_ever_are_given_up(hub: LocalHub, reader: Hub, snapshot: Snapshot) -> None:
    hub.faults = [Fault("/cdn/", cut=0, times=9)]
    with pytest.raises(errors.Unavailable, match="breaks off") as caught:
        read(reader, snapshot)
    assert (caught.value.reason, 9 - hub.faults[0].times) == ("HUB_TRANSFER_CUT", PATIENCE.tries)


@pytest.mark.parametrize(("part", "path"), [("/cdn/", "model.safetensors"), ("config.json", "config.json")])
def test_other_bytes_of_the_same_size(hub: LocalHub, reader: Hub, snapshot: Snapshot, part: str, path: str) -> None:
    wrong = Fault(part, body=bytes(len(FILES[path])))
    hub.faults = [wrong]
    assert fetched_once_more(lambda: read(reader, snapshot, path)) == FILES[path]
    hub.faults = [replace(wrong, times=2)]
    with pytest.raises(errors.DataLoss, match="another digest") as caught:
        fetched_once_more(lambda: read(reader, snapshot, path))
    assert caught.value.reason == "HUB_CONTENT_MISMATCH"


def test_headers_that_name_other_content(hub: LocalHub, reader: Hub, snapshot: Snapshot) -> None:
    hub.faults = [Fault("model.safetensors", method="HEAD", headers={"X-Linked-Etag": f'"{"0" * 64}"'})]
    with pytest.raises(errors.DataLoss, match="the hub gives content 000"):
        read(reader, snapshot)
    hub.faults = [Fault("model.safetensors", method="HEAD", headers={"X-Linked-Size": "7"})]
    with pytest.raises(errors.DataLoss, match="the hub says 7 bytes"):
        read(reader, snapshot)


def test_a_commit_that_changed_on_the_way(hub: LocalHub, reader: Hub, snapshot: Snapshot) -> None:
    other = "b" * 40
    hub.faults = [Fault("config.json", method="HEAD", headers={"X-Repo-Commit": other})]
    with pytest.raises(errors.Aborted, match=other) as caught:
        read(reader, snapshot, "config.json")
    assert caught.value.reason == "HUB_REVISION_MOVED"
    # A mirror that knows another commit by this name.
    hub.repos["models", "acme/tool"].refs[other] = snapshot.commit
    with pytest.raises(errors.Aborted, match="asked for"):
        reader.snapshot(REF, other)


def test_a_rate_limit_is_waited_for_as_long_as_it_asks(hub: LocalHub, reader: Hub, snapshot: Snapshot) -> None:
    hub.faults = [Fault("/api/", 429, headers={"Retry-After": "1"})]
    started = time.monotonic()
    assert reader.snapshot(REF) == snapshot
    assert time.monotonic() - started >= 1
    hub.faults = [Fault("/api/", 429, headers={"ratelimit": '"api";r=0;t=0'})]
    assert reader.snapshot(REF) == snapshot


def test_a_rate_limit_is_not_waited_for_without_end(hub: LocalHub, reader: Hub, snapshot: Snapshot) -> None:
    for fault in (Fault("/api/", 429, headers={"Retry-After": "3600"}), Fault("/api/", 429, times=9)):
        hub.faults = [fault]
        with pytest.raises(errors.ResourceExhausted) as caught:
            reader.snapshot(REF)
        assert caught.value.reason == "HUB_RATE_LIMITED"
        assert "later" in caught.value.remedy


def test_a_hub_that_fails(hub: LocalHub, reader: Hub, snapshot: Snapshot) -> None:
    hub.faults = [Fault("/api/", 503), Fault("resolve", 500, method="HEAD"), Fault("/cdn/", 502)]
    assert read(reader, reader.snapshot(REF)) == WEIGHTS
    hub.faults = [Fault("/api/", 500, times=9)]
    with pytest.raises(errors.Unavailable, match="500") as caught:
        reader.snapshot(REF)
    assert caught.value.reason == "HUB_FAILED"


def test_what_is_not_there(hub: LocalHub, reader: Hub, snapshot: Snapshot) -> None:
    with pytest.raises(errors.NotFound) as caught:
        reader.snapshot(RepoRef("acme/other", "models"))
    assert (caught.value.reason, caught.value.metadata["page"]) == (
        "HUB_REPO_NOT_FOUND",
        f"{hub.endpoint}/acme/other",
    )
    with pytest.raises(errors.NotFound) as caught:
        reader.snapshot(REF, "no-such-branch")
    assert caught.value.reason == "HUB_REVISION_NOT_FOUND"
    with pytest.raises(errors.NotFound) as caught:
        b"".join(reader.content(REF, snapshot.commit, HubFile("other.json", 2)))
    assert caught.value.reason == "HUB_FILE_NOT_FOUND"
    hub.model("acme/secret", private=True)
    with pytest.raises(errors.NotFound, match="or is private"):
        reader.snapshot(RepoRef("acme/secret", "models"))


def test_a_gated_repository_is_reported_and_never_accepted(hub: LocalHub, reader: Hub) -> None:
    hub.model("acme/tool", files=FILES, gated=True)
    snapshot = reader.snapshot(REF)
    assert snapshot.gated
    with pytest.raises(errors.PermissionDenied, match="gated") as caught:
        read(reader, snapshot)
    assert caught.value.reason == "HUB_REPO_GATED"
    assert f"{hub.endpoint}/acme/tool" in caught.value.remedy
    assert {method for method, _, _ in hub.asked} == {"GET", "HEAD"}  # nothing was ever sent that could accept
    assert read(Hub(hub.endpoint, TOKEN, patience=PATIENCE), snapshot) == WEIGHTS


def test_tokens_that_do_not_open(hub: LocalHub, reader: Hub, snapshot: Snapshot) -> None:
    message = {"X-Error-Message": "Invalid credentials in Authorization header"}
    hub.faults = [Fault("/api/", 401, headers=message)]
    with pytest.raises(errors.Unauthenticated, match="401"):
        reader.snapshot(REF)
    hub.faults = [Fault("/api/", 403)]
    with pytest.raises(errors.PermissionDenied, match="403"):
        reader.snapshot(REF)


def test_no_network() -> None:
    nowhere = Hub("http://127.0.0.1:9", anonymous=True, patience=PATIENCE)
    with pytest.raises(errors.Unavailable, match="cannot be reached") as caught:
        nowhere.snapshot(REF)
    assert caught.value.reason == "HUB_UNREACHABLE"


@pytest.mark.parametrize("body", [b"<html>", b"[]", b"{}"])
def test_an_endpoint_that_is_no_hub(hub: LocalHub, reader: Hub, body: bytes) -> None:
    hub.faults = [Fault("/api/", 200, body=body)]
    with pytest.raises(errors.Unavailable, match="HF_ENDPOINT") as caught:
        reader.snapshot(REF)
    assert caught.value.reason == "HUB_ANSWER_UNREADABLE"


def test_an_endpoint_that_is_no_address() -> None:
    with pytest.raises(errors.InvalidArgument, match="HF_ENDPOINT"):
        Hub("file:///etc/passwd").snapshot(REF)


def test_names_that_no_file_can_have(hub: LocalHub, reader: Hub) -> None:
    hub.model("acme/tool", files={"\ud800.json": b"{}"})
    with pytest.raises(errors.Unavailable) as caught:
        reader.snapshot(REF)
    assert caught.value.reason == "HUB_ANSWER_UNREADABLE"
