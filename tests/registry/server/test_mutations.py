"""Every mutating method of the registry, in one story: exactly one audit event each, none for a try or a repetition."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from google.protobuf import json_format
from google.protobuf.field_mask_pb2 import FieldMask
from google.protobuf.struct_pb2 import Struct
from google.protobuf.timestamp_pb2 import Timestamp

from registry.licensing import Policy
from spiritsafe import errors
from spiritsafe.client import Client
from spiritsafe.registry.v1 import (
    agreement_pb2,
    artifact_pb2,
    audit_pb2,
    catalog_pb2,
    channel_policy_pb2,
    dataset_pb2,
    duty_pb2,
    evaluation_report_pb2,
    finding_pb2,
    identity_pb2,
    licensing_pb2,
    model_pb2,
    policy_pb2,
    promotion_pb2,
    recall_pb2,
    review_pb2,
    store_pb2,
    version_pb2,
)
from spiritsafe.rpc.permissions import methods
from spiritsafe.signing import sign_release
from tests.registry.reevaluation.documents import profile_document
from tests.registry.serving import Served

PARENT = "namespaces/default"
SHA256 = "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"  # of {}
# What the registry finds by itself comes when it comes.
_COUNT = "SELECT count(*) FROM audit_events WHERE actor != 'system'"
MUTATIONS = {
    path.rpartition("/")[2]
    for path, method in methods()
    if path.startswith("/spiritsafe.registry.") and "request_id" in method.input_type.fields_by_name
}


class Bookkeeper:
    """Calls mutations and counts what the audit log says of them."""

    def __init__(self, served: Served) -> None:
        self._served = served
        self.seen: set[str] = set()
        self.publisher = served.client("publisher", identity="ada@example.com")
        self.reviewer = served.client("reviewer", identity="bo@example.com")
        self.releaser = served.client("releaser", identity="cy@example.com")
        self.admin = served.client("admin", identity="di@example.com")

    def events(self) -> int:
        with self._served.registry.database.read() as session:
            count = session.connection().exec_driver_sql(_COUNT).scalar()
        assert isinstance(count, int)
        return count

    def act(self, stub: Any, method: str, request: Any) -> Any:
        """Tries, does and repeats the call; gives the answer."""
        call = getattr(stub, method)
        before = self.events()
        request.validate_only = True
        call(request)
        assert self.events() == before, f"{method} with validate_only wrote an event"
        request.validate_only = False
        request.request_id = str(uuid.uuid4())
        answer = call(request)
        assert self.events() == before + 1, f"{method} wrote {self.events() - before} events"
        again = call(request)
        assert self.events() == before + 1, f"{method} wrote an event when repeated"
        if method != "CreateToken":  # its secret is given once
            assert again == answer
        self.refused_reuse(call, request)
        self.seen.add(method)
        return answer

    def refused_reuse(self, call: Any, request: Any) -> None:
        other = type(request)()
        other.request_id = request.request_id
        before = self.events()
        with pytest.raises(errors.SpiritsafeError):
            call(other)
        assert self.events() == before


def publish(
    books: Bookkeeper,
    parent: str,
    kind: int,
    edges: Sequence[tuple[int, str]],
    licenses: list[str],
    path: str = "config.json",
) -> str:
    """A finalized version; its last edge is added to the draft by itself."""
    client: Client = books.publisher
    declared = version_pb2.Version(
        kind=kind,  # type: ignore[arg-type] # a number of the enum
        files=[version_pb2.FileEntry(path=path, size_bytes=2, sha256=SHA256)],
        edges=[version_pb2.Edge(type=type_, parent=name) for type_, name in edges[:-1]],  # type: ignore[arg-type] # likewise
        declared_licenses=licensing_pb2.LicenseSet(ids=licenses),
    )
    create = version_pb2.CreateVersionRequest(parent=parent, version=declared)
    name: str = books.act(client.versions, "CreateVersion", create).version.name
    for type_, ancestor in edges[-1:]:
        edge = version_pb2.Edge(type=type_, parent=ancestor)  # type: ignore[arg-type] # likewise
        books.act(client.versions, "AddEdge", version_pb2.AddEdgeRequest(name=name, edge=edge))
    header = artifact_pb2.UploadHeader(version=name, path=path)
    parts = [artifact_pb2.UploadFileRequest(header=header), artifact_pb2.UploadFileRequest(chunk=b"{}")]
    before = books.events()
    client.artifacts.UploadFile(iter(parts))
    assert books.events() == before  # bytes are no record
    books.act(client.versions, "FinalizeVersion", version_pb2.FinalizeVersionRequest(name=name))
    tagged = version_pb2.Version(name=name, tags={"team": "search"})
    books.act(client.versions, "UpdateVersion", version_pb2.UpdateVersionRequest(version=tagged))
    return name


def catalogue(books: Bookkeeper) -> tuple[str, str]:
    """A non-commercial teacher, and a student trained on what it wrote."""
    client = books.publisher
    for slug in ("teacher", "student"):
        books.act(client.models, "CreateModel", model_pb2.CreateModelRequest(parent=PARENT, model_id=slug))
    change = model_pb2.Model(name=f"{PARENT}/models/student", display_name="acme/student")
    mask = FieldMask(paths=["display_name"])
    books.act(client.models, "UpdateModel", model_pb2.UpdateModelRequest(model=change, update_mask=mask))
    books.act(client.datasets, "CreateDataset", dataset_pb2.CreateDatasetRequest(parent=PARENT, dataset_id="traces"))
    data = dataset_pb2.Dataset(name=f"{PARENT}/datasets/traces", display_name="Traces")
    books.act(client.datasets, "UpdateDataset", dataset_pb2.UpdateDatasetRequest(dataset=data, update_mask=mask))
    teacher = publish(books, f"{PARENT}/models/teacher", version_pb2.VERSION_KIND_FULL, [], ["cc-by-nc-4.0"])
    written = [(version_pb2.EDGE_TYPE_GENERATED_BY, teacher)]
    traces = publish(books, f"{PARENT}/datasets/traces", version_pb2.VERSION_KIND_TRAJECTORIES, written, [])
    learned = [(version_pb2.EDGE_TYPE_TRAINED_ON, traces)]
    student = publish(books, f"{PARENT}/models/student", version_pb2.VERSION_KIND_FULL, learned, ["apache-2.0"])
    return teacher, student


def evaluate(books: Bookkeeper) -> None:
    """A report on a model that was made from a base: both hold the same file, of weights in name only."""
    client = books.publisher
    for slug in ("qwen", "tuned"):
        books.act(client.models, "CreateModel", model_pb2.CreateModelRequest(parent=PARENT, model_id=slug))
    books.act(client.datasets, "CreateDataset", dataset_pb2.CreateDatasetRequest(parent=PARENT, dataset_id="held-out"))
    weights = "model.safetensors"
    base = publish(books, f"{PARENT}/models/qwen", version_pb2.VERSION_KIND_BASE, [], ["apache-2.0"], weights)
    made = [(version_pb2.EDGE_TYPE_FINETUNE, base)]
    tuned = publish(books, f"{PARENT}/models/tuned", version_pb2.VERSION_KIND_FULL, made, [], weights)
    data = publish(books, f"{PARENT}/datasets/held-out", version_pb2.VERSION_KIND_EVALUATION, [], [])
    category = evaluation_report_pb2.EvaluationCategory(category="single", count=2, candidate_exact=1, gained=1)
    report = evaluation_report_pb2.EvaluationReport(baseline=base, dataset=data, categories=[category])
    create = evaluation_report_pb2.CreateEvaluationReportRequest(parent=tuned, evaluation_report=report)
    books.act(client.evaluation_reports, "CreateEvaluationReport", create)


def decide(books: Bookkeeper, teacher: str, student: str) -> None:
    """Findings, reviews, a conclusion, an agreement."""
    again = finding_pb2.RescanVersionRequest(version=student)
    (finding,) = books.act(books.publisher.findings, "RescanVersion", again).findings
    assert finding.code == "LICENSE_TEXT_MISSING"
    closed = finding_pb2.ConcludeFindingRequest(name=finding.name, rationale="it goes out with the product")
    books.act(books.reviewer.findings, "ConcludeFinding", closed)
    ask = review_pb2.RequestReviewsRequest(
        version=student, context=licensing_pb2.CONTEXT_COMMERCIAL, outbound_license="apache-2.0"
    )
    review = books.act(books.publisher.reviews, "RequestReviews", ask).reviews[0]
    asked = review_pb2.AssignReviewRequest(name=review.name, assignee="counsel")
    books.act(books.reviewer.reviews, "AssignReview", asked)
    approve = review_pb2.DecideReviewRequest(
        name=review.name,
        decision=review_pb2.REVIEW_DECISION_APPROVE,
        rationale="the outputs hold nothing of the model",
        answers=["yes"] * len(review.questions),
    )
    books.act(books.reviewer.reviews, "DecideReview", approve)
    revoke = review_pb2.RevokeReviewRequest(name=review.name, rationale="new advice")
    books.act(books.reviewer.reviews, "RevokeReview", revoke)
    ask_again = review_pb2.RequestReviewsRequest(
        version=student, context=licensing_pb2.CONTEXT_COMMERCIAL, outbound_license="openrail-m"
    )
    again = books.act(books.publisher.reviews, "RequestReviews", ask_again).reviews[0]
    reject = review_pb2.BatchDecideReviewsRequest(
        parent=PARENT, names=[again.name], decision=review_pb2.REVIEW_DECISION_REJECT, rationale="not this time"
    )
    books.act(books.reviewer.reviews, "BatchDecideReviews", reject)
    conclude = licensing_pb2.ConcludeLicensesRequest(
        name=student, licenses=licensing_pb2.LicenseSet(ids=["apache-2.0"]), rationale="read it"
    )
    books.act(books.reviewer.licenses, "ConcludeLicenses", conclude)
    start, end = Timestamp(), Timestamp()
    start.GetCurrentTime()
    end.FromSeconds(start.seconds + 86_400)
    agreement = agreement_pb2.Agreement(
        licensor="Acme",
        license="cc-by-nc-4.0",
        models=[teacher.rpartition("/versions/")[0]],
        contexts=[licensing_pb2.CONTEXT_COMMERCIAL],
        start_time=start,
        end_time=end,
        evidence_sha256=SHA256,
        reference="contract 7",
    )
    make = agreement_pb2.CreateAgreementRequest(parent=PARENT, agreement_id="acme", agreement=agreement)
    name = books.act(books.reviewer.agreements, "CreateAgreement", make).agreement.name
    books.act(books.reviewer.agreements, "RevokeAgreement", agreement_pb2.RevokeAgreementRequest(name=name))


def curate(books: Bookkeeper) -> None:
    """Entries of the organisation's own, and one of them taken back."""
    fact = {"source": "read it", "as_of": "2026-11-22", "confidence": "verified"}
    document = Struct()
    document.update(
        {
            "kind": "model",
            "hub_id": "acme/base",
            "licenses": ["mit"],
            "facts": {"hub_id": fact, "licenses": fact},
        }
    )
    stub = books.reviewer.catalog
    one = catalog_pb2.CurateCatalogEntryRequest(document=document, reason="ours")
    name = books.act(stub, "CurateCatalogEntry", one).entry.name
    many = catalog_pb2.BatchCurateCatalogEntriesRequest(documents=[document], reason="again")
    books.act(stub, "BatchCurateCatalogEntries", many)
    back = catalog_pb2.WithdrawCatalogEntryRequest(name=name, reason="no longer")
    books.act(stub, "WithdrawCatalogEntry", back)


def rule(books: Bookkeeper) -> None:
    """Another policy, another profile."""
    settings = json_format.ParseDict(Policy().to_mapping() | {"nc_output_reach": "deny"}, Struct())
    policy = policy_pb2.CreatePolicyRequest(settings=settings, reason="counsel's memo")
    books.act(books.admin.policies, "CreatePolicy", policy)
    document = json_format.ParseDict(profile_document("mit"), Struct())
    revision = licensing_pb2.ReviseLicenseRequest(document=document, reason="read again")
    books.act(books.admin.licenses, "ReviseLicense", revision)


def answer(books: Bookkeeper, student: str) -> None:
    """The files that a licence asks for, and a person's word for one of them."""
    release = {"version": student, "context": licensing_pb2.CONTEXT_COMMERCIAL, "outbound_license": "apache-2.0"}
    record = duty_pb2.RecordBundleRequest(**release)
    books.act(books.publisher.duties, "RecordBundle", record)
    attest = duty_pb2.AttestDutyRequest(duty="LICENSE_COPY:apache-2.0", statement="it is there", **release)
    name = books.act(books.reviewer.duties, "AttestDuty", attest).attestation.name
    revoke = duty_pb2.RevokeAttestationRequest(name=name, rationale="it is not")
    books.act(books.reviewer.duties, "RevokeAttestation", revoke)


def promote(books: Bookkeeper, student: str) -> None:
    """Two versions into one channel and back; an attempt that is denied is an event too."""
    learned = [(version_pb2.EDGE_TYPE_FINETUNE, student)]
    model = student.rpartition("/versions/")[0]
    newer = publish(books, model, version_pb2.VERSION_KIND_FULL, learned, ["apache-2.0"])
    for version in (student, newer):
        request = promotion_pb2.PromoteVersionRequest(
            version=version, context=licensing_pb2.CONTEXT_RESEARCH, stage="staging", outbound_license="apache-2.0"
        )
        promotion = books.act(books.releaser.promotions, "PromoteVersion", request).promotion
        assert promotion.state == promotion_pb2.PROMOTION_STATE_PROMOTED, promotion
    channel = f"{model}/channels/research-staging"
    back = books.act(
        books.releaser.promotions, "RollbackChannel", promotion_pb2.RollbackChannelRequest(name=channel)
    ).promotion
    assert back.version == student
    commercial = promotion_pb2.PromoteVersionRequest(
        version=newer, context=licensing_pb2.CONTEXT_COMMERCIAL, stage="production", outbound_license="apache-2.0"
    )
    held = books.act(books.releaser.promotions, "PromoteVersion", commercial).promotion
    assert held.state == promotion_pb2.PROMOTION_STATE_DENIED
    require(books, newer)


def require(books: Bookkeeper, version: str) -> None:
    """A policy, what people say about a release under it, and a recall."""
    policy = channel_policy_pb2.ChannelPolicy(channels=["*/*"])
    given = channel_policy_pb2.SetChannelPolicyRequest(parent=PARENT, policy_id="p", policy=policy, reason="the board")
    made = books.act(books.admin.channel_policies, "SetChannelPolicy", given).policy
    retire = channel_policy_pb2.RetireChannelPolicyRequest(name=made.name, reason="no board")
    books.act(books.admin.channel_policies, "RetireChannelPolicy", retire)
    decided = channel_policy_pb2.CreateApprovalRequest(
        version=version,
        context=licensing_pb2.CONTEXT_RESEARCH,
        stage="staging",
        decision=channel_policy_pb2.APPROVAL_DECISION_APPROVE,
        rationale="read it",
    )
    approval = books.act(books.reviewer.channel_policies, "CreateApproval", decided).approval
    revoke = channel_policy_pb2.RevokeApprovalRequest(name=approval.name)
    books.act(books.reviewer.channel_policies, "RevokeApproval", revoke)
    digest = books.releaser.versions.GetVersion(version_pb2.GetVersionRequest(name=version)).version.digest
    pem = Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    envelope, public = sign_release(version, digest, {}, pem)
    attach = channel_policy_pb2.AttachSignatureRequest(version=version, envelope_json=envelope, public_key_pem=public)
    books.act(books.releaser.channel_policies, "AttachSignature", attach)
    bad = recall_pb2.RecallVersionRequest(version=version, severity=recall_pb2.RECALL_SEVERITY_LOW, reason="stale")
    recalled = books.act(books.releaser.recalls, "RecallVersion", bad).recall
    books.act(books.releaser.recalls, "LiftRecall", recall_pb2.LiftRecallRequest(name=recalled.name, reason="fresh"))


def discard(books: Bookkeeper, version: str) -> None:
    """Deleting and bringing back; a batch of one has one event."""
    publisher = books.publisher
    books.act(publisher.versions, "DeleteVersion", version_pb2.DeleteVersionRequest(name=version))
    books.act(publisher.versions, "UndeleteVersion", version_pb2.UndeleteVersionRequest(name=version))
    model = model_pb2.BatchCreateModelsRequest(parent=PARENT, requests=[model_pb2.CreateModelRequest(model_id="spare")])
    spare = books.act(publisher.models, "BatchCreateModels", model).models[0].name
    declared = version_pb2.Version(kind=version_pb2.VERSION_KIND_FULL)
    declared.files.add(path="a.json", size_bytes=2, sha256=SHA256)
    batch = version_pb2.BatchCreateVersionsRequest(
        parent=spare, requests=[version_pb2.CreateVersionRequest(version=declared)]
    )
    books.act(publisher.versions, "BatchCreateVersions", batch)
    books.act(publisher.models, "DeleteModel", model_pb2.DeleteModelRequest(name=spare))
    books.act(publisher.models, "UndeleteModel", model_pb2.UndeleteModelRequest(name=spare))
    dataset = dataset_pb2.CreateDatasetRequest(parent=PARENT, dataset_id="spare")
    name = publisher.datasets.CreateDataset(dataset).dataset.name
    books.act(publisher.datasets, "DeleteDataset", dataset_pb2.DeleteDatasetRequest(name=name))
    books.act(publisher.datasets, "UndeleteDataset", dataset_pb2.UndeleteDatasetRequest(name=name))


def test_each_mutation_writes_exactly_one_event(server: Served) -> None:
    books = Bookkeeper(server)
    teacher, student = catalogue(books)
    decide(books, teacher, student)
    rule(books)
    answer(books, student)
    promote(books, student)
    evaluate(books)
    curate(books)
    draft = version_pb2.CreateVersionRequest(
        parent=f"{PARENT}/models/student",
        version=version_pb2.Version(
            kind=version_pb2.VERSION_KIND_FULL,
            files=[version_pb2.FileEntry(path="a.json", size_bytes=2, sha256=SHA256)],
        ),
    )
    name = books.act(books.publisher.versions, "CreateVersion", draft).version.name
    discard(books, name)
    token = identity_pb2.Token(identity="ed@example.com", roles=["reader"])
    made = books.act(books.admin.identity, "CreateToken", identity_pb2.CreateTokenRequest(token=token)).token
    books.act(books.admin.identity, "RevokeToken", identity_pb2.RevokeTokenRequest(name=made.name))
    books.act(books.admin.store, "CollectGarbage", store_pb2.CollectGarbageRequest(page_size=10))

    assert books.seen == MUTATIONS, "a mutating method has no part in this story: add it"
    report = books.admin.audit.VerifyAudit(audit_pb2.VerifyAuditRequest())
    assert report.verified
    assert report.events >= books.events()
