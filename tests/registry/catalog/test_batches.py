"""Batches: all or nothing, in order, with one event for each part."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from registry.services.batches import MAX_BATCH
from registry.storage.tables import AuditEvent
from spiritsafe import errors
from spiritsafe.client import Client
from spiritsafe.registry.v1 import model_pb2, version_pb2
from tests.registry.catalog.publishing import NAMESPACE, declare, manifest, model

Events = Callable[[], list[AuditEvent]]


def batch(
    *manifests: version_pb2.Version, parent: str = "", **options: object
) -> version_pb2.BatchCreateVersionsRequest:
    parts = [version_pb2.CreateVersionRequest(version=each) for each in manifests]
    return version_pb2.BatchCreateVersionsRequest(parent=parent, requests=parts, **options)


def test_versions_are_created_together_in_order(publisher: Client, events: Events) -> None:
    name = model(publisher, "m")
    before = len(events())
    upon = manifest(files={"b.json": b"b"}, edges=[("finetune", f"{name}/versions/1")])
    request = batch(manifest(files={"a.json": b"a"}), upon, parent=name, request_id="once")
    made = publisher.versions.BatchCreateVersions(request)
    assert [one.name for one in made.versions] == [f"{name}/versions/1", f"{name}/versions/2"]
    assert made.versions[1].edges[0].parent == f"{name}/versions/1"
    assert publisher.versions.BatchCreateVersions(request) == made
    assert [event.resource for event in events()[before:]] == [one.name for one in made.versions]


def test_a_batch_is_created_whole_or_not_at_all(publisher: Client, events: Events) -> None:
    name = model(publisher, "m")
    before = len(events())
    with pytest.raises(errors.InvalidArgument) as refused:
        publisher.versions.BatchCreateVersions(batch(manifest(), manifest("prompts"), parent=name))
    assert refused.value.violations[0].field == "requests[1].version.kind"
    assert refused.value.metadata["batch_item"] == "requests[1]"
    tried = publisher.versions.BatchCreateVersions(batch(manifest(), parent=name, validate_only=True))
    assert tried.versions[0].name.endswith("/1")
    assert len(events()) == before
    assert declare(publisher, name).name.endswith("/1")


def test_a_batch_may_span_models(publisher: Client) -> None:
    names = [model(publisher, slug) for slug in ("a", "b")]
    parts = [version_pb2.CreateVersionRequest(parent=name, version=manifest()) for name in names]
    made = publisher.versions.BatchCreateVersions(version_pb2.BatchCreateVersionsRequest(requests=parts)).versions
    wanted = [one.name for one in reversed(made)]
    got = publisher.versions.BatchGetVersions(version_pb2.BatchGetVersionsRequest(names=wanted)).versions
    assert [one.name for one in got] == wanted
    assert [len(one.files) for one in got] == [1, 1]
    basic = version_pb2.BatchGetVersionsRequest(names=wanted, view=version_pb2.VERSION_VIEW_BASIC)
    assert not publisher.versions.BatchGetVersions(basic).versions[0].files


def test_one_that_is_missing_fails_the_whole_read(publisher: Client) -> None:
    name = declare(publisher, model(publisher, "m")).name
    missing = f"{NAMESPACE}/models/m/versions/9"
    with pytest.raises(errors.NotFound) as refused:
        publisher.versions.BatchGetVersions(version_pb2.BatchGetVersionsRequest(names=[name, missing]))
    assert refused.value.metadata["resource"] == missing


def test_models_are_created_together(publisher: Client) -> None:
    parts = [model_pb2.CreateModelRequest(model_id=slug) for slug in ("a", "b")]
    request = model_pb2.BatchCreateModelsRequest(parent=NAMESPACE, requests=parts)
    assert [one.name for one in publisher.models.BatchCreateModels(request).models] == [
        f"{NAMESPACE}/models/{slug}" for slug in ("a", "b")
    ]
    with pytest.raises(errors.AlreadyExists):
        publisher.models.BatchCreateModels(request)


@pytest.mark.parametrize(
    ("request_", "field"),
    [
        (batch(), "requests"),
        (batch(*[manifest()] * (MAX_BATCH + 1)), "requests"),
        (
            version_pb2.BatchCreateVersionsRequest(requests=[version_pb2.CreateVersionRequest(request_id="own")]),
            "requests[0].request_id",
        ),
        (
            version_pb2.BatchCreateVersionsRequest(
                parent="namespaces/default/models/a",
                requests=[version_pb2.CreateVersionRequest(parent="namespaces/default/models/b")],
            ),
            "requests[0].parent",
        ),
    ],
)
def test_a_bad_batch_names_its_field(
    publisher: Client, request_: version_pb2.BatchCreateVersionsRequest, field: str
) -> None:
    with pytest.raises(errors.InvalidArgument) as refused:
        publisher.versions.BatchCreateVersions(request_)
    assert refused.value.violations[0].field == field
