"""What a run registers, version by version."""

from __future__ import annotations

from dataclasses import replace

from distill.recipe import Checkpoint
from distill.release import publications as pub
from spiritsafe.registry.v1 import catalog_pb2, version_pb2
from tests.distill.recipes import tiny_recipe

RECIPE = tiny_recipe()
ENTRY = catalog_pb2.CatalogEntry(licenses=["gemma"], base_family="gemma3", multimodal=True, lineage_completeness="root")


def test_slugs_are_ids_and_differ() -> None:
    assert pub.slug("Salesforce/xLAM-7b-fc-r") == "salesforce-xlam-7b-fc-r"
    assert pub.slug("My Models (2)") == "my-models-2"
    assert pub.slug("...") == "base"
    long = [pub.slug(f"organisation/{'x' * 60}{end}") for end in "ab"]
    assert long[0] != long[1]
    assert all(len(one) <= 63 for one in long)


def test_a_known_base_carries_its_entry() -> None:
    version = pub.base_publication("default", "google/gemma-3-4b-it", ENTRY, [], RECIPE.teacher.base, "d" * 64).version
    assert (version.kind, version.imported, version.stand_in) == (version_pb2.VERSION_KIND_BASE, True, True)
    assert (version.base_family, version.multimodal) == ("gemma3", True)
    assert list(version.declared_licenses.ids) == ["gemma"]
    assert version.lineage_completeness == version_pb2.LINEAGE_COMPLETENESS_COMPLETE


def test_an_unknown_base_declares_nothing() -> None:
    version = pub.base_publication("default", "a/b", None, []).version
    assert not version.HasField("declared_licenses")
    assert version.lineage_completeness == version_pb2.LINEAGE_COMPLETENESS_PARTIAL
    assert version.source.hub_repo == "a/b"


def test_a_folder_claims_no_repository() -> None:
    checkpoint = replace(RECIPE.teacher.base, location="path", value="/weights/mine", catalog_entry="")
    publication = pub.base_publication("default", "mine", None, [], checkpoint, "d" * 64)
    assert (publication.node.id, publication.version.source.hub_repo) == ("mine", "")
    assert publication.version.tags["checkpoint_sha256"] == "d" * 64


def test_a_base_serves_again_only_when_it_is_the_same() -> None:
    def base(stand_in: bool, digest: str, revision: str = "") -> version_pb2.Version:
        checkpoint = replace(RECIPE.teacher.base, location="stand_in" if stand_in else "path")
        return pub.base_publication("default", "a/b", ENTRY, [], checkpoint, digest, revision).version

    assert pub.same_base(base(True, "d"), base(True, "d"))
    assert not pub.same_base(base(True, "d"), base(False, "d"))
    assert not pub.same_base(base(True, "d"), base(True, "e"))
    assert not pub.same_base(base(False, "d", "r1"), base(False, "d", "r2"))


def test_made_here_is_not_unknown() -> None:
    for publication in (pub.teacher_data(RECIPE), pub.traces(RECIPE, "t"), pub.evaluation_data(RECIPE)):
        assert publication.version.HasField("declared_licenses")
        assert not publication.version.declared_licenses.ids
    own = replace(RECIPE, teacher=replace(RECIPE.teacher, dataset_path="/rows.jsonl"))
    version = pub.teacher_data(own).version
    assert version.imported
    assert not version.HasField("declared_licenses")


def test_traces_stand_on_whoever_wrote_and_judged_them_and_on_data() -> None:
    kinds = version_pb2.EdgeType
    edges = [
        (kinds.Name(edge.type).removeprefix("EDGE_TYPE_").lower(), edge.parent)
        for edge in pub.traces(RECIPE, "t", "j", "r").version.edges
    ]
    assert edges == [("generated_by", "t"), ("judged_by", "j"), ("derived_from", "r")]
    replay = pub.replay_data(RECIPE, "a" * 64)
    assert (replay.node.id, replay.version.imported) == ("teacher-traces-replay", True)
    assert not replay.version.HasField("declared_licenses")
    assert replay.version != pub.replay_data(RECIPE, "b" * 64).version


def test_stand_ins_mark_what_comes_of_them() -> None:
    real = Checkpoint("hub_repo", "Qwen/Qwen3-8B", "", "Qwen/Qwen3-8B")
    mixed = replace(RECIPE, student=replace(RECIPE.student, base=real))
    parents = pub.Parents("b", "t", "e", "x")
    assert pub.merged_student(mixed, parents, "a").version.stand_in
    both = replace(mixed, teacher=replace(RECIPE.teacher, base=real))
    assert not pub.merged_student(both, parents, "a").version.stand_in
    assert not pub.traces(both, "t").version.stand_in
