"""What a run left: the digests of its stages, what it registered, and whether anything lies about."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from google.protobuf.json_format import MessageToDict

from distill.stages.spec import StageSpec, read_result
from registry.storage.local_store import LocalStore
from spiritsafe.distill.v1 import run_pb2
from spiritsafe.registry.v1 import audit_pb2, version_pb2
from tests.distill.site import Site

Registered = dict[str, tuple[str, int, frozenset[tuple[int, str]]]]


@dataclass(frozen=True, slots=True)
class Outcome:
    """All that must be the same after a run, however often it was disturbed."""

    digests: dict[str, str]
    registered: Registered
    mutations: Counter[tuple[str, str]]
    run: dict[str, Any]


def outcome(site: Site) -> Outcome:
    """The outcome of the site's only run, which has succeeded."""
    run = site.run()
    assert run.state == run_pb2.RUN_STATE_SUCCEEDED, run.error
    told = MessageToDict(run, preserving_proto_field_name=True)
    for field in ("stages", "create_time", "end_time", "etag"):
        del told[field]
    return Outcome(_output_digests(site.home), registered(site), mutations(site), told)


def _output_digests(home: Path) -> dict[str, str]:
    """The digest of each stage's output. Every stage has one folder, for equal inputs make the same one."""
    found: dict[str, str] = {}
    for path in (home / "work").glob("*/spec.json"):
        spec, result = StageSpec.read(path), read_result(path.parent)
        assert result is not None, f"{path.parent} has no result"
        assert spec.stage not in found, f"{spec.stage} was given two different inputs"
        found[spec.stage] = result.output_digest
    return found


def registered(site: Site) -> Registered:
    """Every version of the registry: the digest of its files, its state and its edges."""
    return {
        one.name: (one.digest, one.state, frozenset((edge.type, edge.parent) for edge in one.edges))
        for one in _versions(site)
    }


def mutations(site: Site) -> Counter[tuple[str, str]]:
    """How often the audit log tells of which change below which resource; some resources have random names."""
    events = site.client.audit.ListAuditEvents(audit_pb2.ListAuditEventsRequest(page_size=1000)).events
    return Counter((event.type, event.resource.rpartition("/")[0]) for event in events)


def check_registry(site: Site) -> None:
    """Nothing is half-made, no content lies about, and the audit log is whole."""
    versions = _versions(site)
    assert {one.state for one in versions} == {version_pb2.VERSION_STATE_READY}
    assert site.client.audit.VerifyAudit(audit_pb2.VerifyAuditRequest()).verified
    blobs = site.served.home / "blobs"
    LocalStore(blobs)  # opening it removes what a killed server left
    content = {path.name for path in blobs.rglob("*") if path.is_file()}
    assert content == {file.sha256 for one in versions for file in one.files}


def check_home(home: Path) -> None:
    """No copies, checkpoints or half-written files are left beside the results."""
    kept = {"log.txt", "result.json", "spec.json", "lock", "outcomes.json"}
    left = [path for folder in (home / "work").iterdir() for path in folder.rglob("*") if path.is_file()]
    strays = [path for path in left if path.name not in kept and "out" not in path.relative_to(home).parts]
    assert not strays


def _versions(site: Site) -> list[version_pb2.Version]:
    parents = [f"namespaces/default/{collection}/-" for collection in ("models", "datasets")]
    requests = [version_pb2.ListVersionsRequest(parent=parent, page_size=1000) for parent in parents]
    return [one for request in requests for one in site.client.versions.ListVersions(request).versions]
