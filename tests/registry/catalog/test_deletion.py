"""Deleting and bringing back over real gRPC: what hides, what refuses, what is purged, what deployment checks say."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from sqlmodel import Session, col, select

from registry.clock import now
from registry.context import Registry
from registry.decisions.rules import current_rules
from registry.licensing.shapes import Judge
from registry.reevaluation.changes import settle
from registry.reevaluation.docket import Docket
from registry.storage.tables import AuditEvent, LastVerdict, Node, Version
from registry.upkeep.purging import purge_some
from spiritsafe import errors
from spiritsafe.client import Client
from spiritsafe.registry.v1 import (
    agreement_pb2,
    dataset_pb2,
    licensing_pb2,
    model_pb2,
    promotion_pb2,
    recall_pb2,
    version_pb2,
)
from tests.registry.catalog.publishing import NAMESPACE, declare, edge, get, manifest, model, publish

RESEARCH = licensing_pb2.CONTEXT_RESEARCH
LICENSED = {"declared_licenses": licensing_pb2.LicenseSet(ids=["mit"])}


def delete_version(client: Client, name: str) -> version_pb2.Version:
    return client.versions.DeleteVersion(version_pb2.DeleteVersionRequest(name=name)).version


def undelete_version(client: Client, name: str) -> version_pb2.Version:
    return client.versions.UndeleteVersion(version_pb2.UndeleteVersionRequest(name=name)).version


def delete_model(client: Client, name: str) -> model_pb2.Model:
    return client.models.DeleteModel(model_pb2.DeleteModelRequest(name=name)).model


def undelete_model(client: Client, name: str) -> model_pb2.Model:
    return client.models.UndeleteModel(model_pb2.UndeleteModelRequest(name=name)).model


def versions(client: Client, parent: str, **options: Any) -> list[str]:
    request = version_pb2.ListVersionsRequest(parent=parent, **options)
    return sorted(
        one.name.removeprefix(f"{NAMESPACE}/models/") for one in client.versions.ListVersions(request).versions
    )


def models(client: Client, **options: Any) -> list[str]:
    request = model_pb2.ListModelsRequest(parent=NAMESPACE, **options)
    return [one.name.rpartition("/")[2] for one in client.models.ListModels(request).models]


def refused(act: Callable[..., Any], *arguments: Any) -> str:
    with pytest.raises(errors.FailedPrecondition) as caught:
        act(*arguments)
    return caught.value.reason


def purge(registry: Registry) -> list[str]:
    """Everything that is deleted; gives the events of it."""
    with registry.database.write() as session:
        while purge_some(session, now() + 2 * registry.retention):
            pass
        query = select(AuditEvent).where(col(AuditEvent.type).endswith(".purged")).order_by(col(AuditEvent.sequence))
        return [f"{event.type} {event.resource.removeprefix(NAMESPACE)}" for event in session.exec(query)]


def test_a_version_is_hidden_and_comes_back(publisher: Client, registry: Registry) -> None:
    name = model(publisher, "m")
    first, second = publish(publisher, name, **LICENSED), publish(publisher, name, files={"a.json": b"1"})
    gone = delete_version(publisher, second.name)
    assert gone.purge_time.ToMicroseconds() - gone.delete_time.ToMicroseconds() == registry.retention
    assert get(publisher, second.name).delete_time == gone.delete_time
    assert versions(publisher, name) == ["m/versions/1"]
    assert versions(publisher, f"{NAMESPACE}/models/-", show_deleted=True) == ["m/versions/1", "m/versions/2"]
    assert refused(delete_version, publisher, second.name) == "RESOURCE_DELETED"
    assert declare(publisher, name).name.endswith("/3")
    back = undelete_version(publisher, second.name)
    assert (back.HasField("delete_time"), back.HasField("purge_time")) == (False, False)
    assert versions(publisher, name) == ["m/versions/1", "m/versions/2", "m/versions/3"]
    assert refused(undelete_version, publisher, first.name) == "NOT_DELETED"
    assert purge(registry) == []


def test_a_deleted_model_hides_what_is_below(publisher: Client) -> None:
    name = model(publisher, "m")
    version = publish(publisher, name)
    apart = publish(publisher, name, files={"a.json": b"1"})
    delete_version(publisher, apart.name)
    gone = delete_model(publisher, name)
    assert (models(publisher), models(publisher, show_deleted=True)) == ([], ["m"])
    assert versions(publisher, f"{NAMESPACE}/models/-") == []
    assert len(versions(publisher, name, show_deleted=True)) == 2
    assert get(publisher, version.name).delete_time == gone.delete_time
    for act in (lambda: declare(publisher, name), lambda: undelete_version(publisher, apart.name)):
        assert refused(act) == "RESOURCE_DELETED"
    with pytest.raises(errors.AlreadyExists) as taken:
        model(publisher, "m")
    assert "undelete" in taken.value.remedy
    undelete_model(publisher, name)
    assert versions(publisher, name) == ["m/versions/1"]


def test_nothing_deleted_is_built_upon_or_released(publisher: Client, client: Callable[..., Client]) -> None:
    base = publish(publisher, model(publisher, "base"), **LICENSED)
    other = model(publisher, "other")
    draft = declare(publisher, other)
    delete_version(publisher, base.name)
    upon = manifest(edges=[("finetune", base.name)])
    promote = promotion_pb2.PromoteVersionRequest(
        version=base.name, context=RESEARCH, stage="lab", outbound_license="mit"
    )
    added = version_pb2.AddEdgeRequest(name=draft.name, edge=edge("finetune", base.name))
    changed = version_pb2.UpdateVersionRequest(version=version_pb2.Version(name=base.name, description="new"))
    assert refused(declare, publisher, other, upon) == "RESOURCE_DELETED"
    assert refused(publisher.versions.AddEdge, added) == "RESOURCE_DELETED"
    assert refused(publisher.versions.UpdateVersion, changed) == "RESOURCE_DELETED"
    assert refused(client("releaser").promotions.PromoteVersion, promote) == "RESOURCE_DELETED"


def test_what_others_rest_on_cannot_be_deleted_with_its_model(publisher: Client, registry: Registry) -> None:
    base, child = model(publisher, "base"), model(publisher, "child")
    first = publish(publisher, base)
    second = publish(publisher, base, files={"a.json": b"1"}, edges=[("finetune", first.name)])
    third = declare(publisher, child, manifest(edges=[("finetune", second.name)]))
    assert refused(delete_model, publisher, base) == "HAS_DESCENDANTS"
    delete_model(publisher, child)
    delete_model(publisher, base)
    assert refused(undelete_model, publisher, child) == "RESOURCE_DELETED"
    undelete_model(publisher, base)
    undelete_model(publisher, child)
    delete_version(publisher, third.name)
    delete_version(publisher, second.name)
    assert refused(undelete_version, publisher, third.name) == "RESOURCE_DELETED"
    assert refused(undelete_model, publisher, base) == "NOT_DELETED"
    delete_model(publisher, base)
    assert purge(registry) == [
        "version.purged /models/child/versions/1",
        "version.purged /models/base/versions/2",
        "version.purged /models/base/versions/1",
        "model.purged /models/base",
    ]
    assert models(publisher, show_deleted=True) == ["child"]
    assert model(publisher, "base") == base


def test_a_model_that_an_agreement_names_stays(publisher: Client, client: Callable[..., Client]) -> None:
    name = model(publisher, "m")
    agreement = agreement_pb2.Agreement(
        licensor="salesforce", license="cc-by-nc-4.0", models=[name], contexts=[RESEARCH], reference="a contract"
    )
    agreement.start_time.FromMicroseconds(now())
    agreement.end_time.FromMicroseconds(now() + 10**12)
    request = agreement_pb2.CreateAgreementRequest(parent=NAMESPACE, agreement_id="a", agreement=agreement)
    client("reviewer").agreements.CreateAgreement(request)
    assert refused(delete_model, publisher, name) == "HAS_HISTORY"


def test_a_dataset_is_deleted_likewise(publisher: Client) -> None:
    request = dataset_pb2.CreateDatasetRequest(parent=NAMESPACE, dataset_id="d")
    name = publisher.datasets.CreateDataset(request).dataset.name
    publisher.datasets.DeleteDataset(dataset_pb2.DeleteDatasetRequest(name=name))
    assert publisher.datasets.GetDataset(dataset_pb2.GetDatasetRequest(name=name)).dataset.HasField("delete_time")
    assert not publisher.datasets.ListDatasets(dataset_pb2.ListDatasetsRequest(parent=NAMESPACE)).datasets
    publisher.datasets.UndeleteDataset(dataset_pb2.UndeleteDatasetRequest(name=name))
    assert publisher.datasets.ListDatasets(dataset_pb2.ListDatasetsRequest(parent=NAMESPACE)).datasets


def test_an_etag_ties_a_deletion_to_what_was_read(publisher: Client) -> None:
    name = model(publisher, "m")
    with pytest.raises(errors.Aborted):
        publisher.models.DeleteModel(model_pb2.DeleteModelRequest(name=name, etag='"7"'))
    assert models(publisher) == ["m"]


def test_bytes_keep_their_verdict_but_a_deleted_version_vouches_for_nothing(publisher: Client) -> None:
    free = publish(publisher, model(publisher, "free"), **LICENSED)

    def check(**subject: str) -> promotion_pb2.CheckDeploymentResponse:
        context = licensing_pb2.CONTEXT_COMMERCIAL
        request = promotion_pb2.CheckDeploymentRequest(context=context, outbound_license="mit", **subject)
        return publisher.promotions.CheckDeployment(request)

    assert check(digest=free.digest).allowed
    delete_version(publisher, free.name)
    for answer in (check(digest=free.digest), check(version=free.name), check(file_sha256=free.files[0].sha256)):
        assert (answer.allowed, list(answer.deleted_versions)) == (False, [free.name])
        assert answer.evaluations[0].verdict == licensing_pb2.VERDICT_ALLOWED_WITH_OBLIGATIONS
    again = publish(publisher, model(publisher, "again"), **LICENSED)
    assert check(digest=again.digest).allowed
    restricted = licensing_pb2.LicenseSet(ids=["cc-by-nc-4.0"])
    other = publish(publisher, model(publisher, "restricted"), declared_licenses=restricted)
    delete_version(publisher, other.name)
    answer = check(digest=again.digest)
    assert not answer.allowed
    assert licensing_pb2.VERDICT_DENIED in [each.verdict for each in answer.evaluations]


def test_a_verdict_never_goes_to_another_version_with_the_same_row_id(publisher: Client, registry: Registry) -> None:
    old = publish(publisher, model(publisher, "old"), declared_licenses=licensing_pb2.LicenseSet(ids=["cc-by-nc-4.0"]))
    with registry.database.read() as session:
        id_ = row(session, old.uid).id
        assert id_ is not None
        rules, docket = current_rules(session), Docket(session, now())
        judge = Judge(docket.shapes, rules.catalogue, rules.policy)
        rulings = docket.rule(docket.load(session, [id_], now()), judge)
    delete_model(publisher, old.name.partition("/versions/")[0])
    purge(registry)
    new = publish(publisher, model(publisher, "new"), **LICENSED)
    with registry.database.write() as session:
        # What SQLite does by itself when the newest row was removed.
        made = row(session, new.uid)
        assert made.id is not None
        query = select(LastVerdict).where(LastVerdict.version_id == made.id).order_by(col(LastVerdict.context))
        before = [(one.context, one.verdict) for one in session.exec(query)]
        if registry.database.is_sqlite:
            assert made.id == id_
        assert settle(session, rulings) == []
        assert [(one.context, one.verdict) for one in session.exec(query)] == before


def row(session: Session, uid: str) -> Version:
    return session.exec(select(Version).where(Version.uid == uid)).one()


def test_purging_waits_for_its_time(publisher: Client, registry: Registry) -> None:
    name = model(publisher, "m")
    delete_model(publisher, name)
    with registry.database.write() as session:
        node = session.exec(select(Node)).one()
        assert node.purge_time is not None
        assert purge_some(session, node.purge_time - 1) == 0
        assert purge_some(session, node.purge_time) == 1
    with pytest.raises(errors.NotFound):
        undelete_model(publisher, name)


def test_what_is_recalled_while_it_is_deleted_stays_deleted(
    publisher: Client, client: Callable[..., Client], registry: Registry
) -> None:
    version = publish(publisher, model(publisher, "m"), **LICENSED)
    delete_version(publisher, version.name)
    request = recall_pb2.RecallVersionRequest(
        version=version.name, severity=recall_pb2.RECALL_SEVERITY_HIGH, reason="it leaks"
    )
    client("releaser").recalls.RecallVersion(request)
    assert purge(registry) == []
    kept = get(publisher, version.name)
    assert (kept.HasField("delete_time"), kept.HasField("purge_time")) == (True, False)
