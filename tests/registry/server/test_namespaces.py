"""A caller whose roles hold in one namespace reaches nothing in another, through any method."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf.message import Message

from registry.identity.roles import ROLES
from spiritsafe import errors
from spiritsafe.registry.v1 import (
    agreement_pb2,
    artifact_pb2,
    channel_policy_pb2,
    dataset_pb2,
    duty_pb2,
    evaluation_report_pb2,
    evidence_pb2,
    finding_pb2,
    licensing_pb2,
    model_pb2,
    promotion_pb2,
    recall_pb2,
    review_pb2,
    version_pb2,
)
from spiritsafe.rpc.permissions import methods
from spiritsafe.rpc.status import from_rpc_error
from tests.registry.builders import Builder
from tests.registry.serving import Served

OTHER = "namespaces/default"
MODEL, DATASET = f"{OTHER}/models/m", f"{OTHER}/datasets/d"
VERSION, CHANNEL = f"{MODEL}/versions/1", f"{MODEL}/channels/research-staging"
REPORT = f"{VERSION}/evaluationReports/e"
POLICY = f"{OTHER}/channelPolicies/p"
FINDING = f"{OTHER}/findings/f"
REVIEW, AGREEMENT, ATTESTATION = f"{OTHER}/reviews/r", f"{OTHER}/agreements/a", f"{OTHER}/attestations/a"
RESEARCH = licensing_pb2.CONTEXT_RESEARCH
# Nothing of these exists: who may not look is not told what is there.
REQUESTS: dict[str, Message] = {
    "CreateModel": model_pb2.CreateModelRequest(parent=OTHER, model_id="m"),
    "GetModel": model_pb2.GetModelRequest(name=MODEL),
    "ListModels": model_pb2.ListModelsRequest(parent=OTHER),
    "UpdateModel": model_pb2.UpdateModelRequest(model=model_pb2.Model(name=MODEL)),
    "BatchCreateModels": model_pb2.BatchCreateModelsRequest(
        parent=OTHER, requests=[model_pb2.CreateModelRequest(model_id="m")]
    ),
    "DeleteModel": model_pb2.DeleteModelRequest(name=MODEL),
    "UndeleteModel": model_pb2.UndeleteModelRequest(name=MODEL),
    "DeleteDataset": dataset_pb2.DeleteDatasetRequest(name=DATASET),
    "UndeleteDataset": dataset_pb2.UndeleteDatasetRequest(name=DATASET),
    "CreateDataset": dataset_pb2.CreateDatasetRequest(parent=OTHER, dataset_id="d"),
    "GetDataset": dataset_pb2.GetDatasetRequest(name=DATASET),
    "ListDatasets": dataset_pb2.ListDatasetsRequest(parent=OTHER),
    "UpdateDataset": dataset_pb2.UpdateDatasetRequest(dataset=dataset_pb2.Dataset(name=DATASET)),
    "CreateVersion": version_pb2.CreateVersionRequest(parent=MODEL),
    "GetVersion": version_pb2.GetVersionRequest(name=VERSION),
    "ListVersions": version_pb2.ListVersionsRequest(parent=MODEL),
    "UpdateVersion": version_pb2.UpdateVersionRequest(version=version_pb2.Version(name=VERSION)),
    "AddEdge": version_pb2.AddEdgeRequest(name=VERSION),
    "FinalizeVersion": version_pb2.FinalizeVersionRequest(name=VERSION),
    "DeleteVersion": version_pb2.DeleteVersionRequest(name=VERSION),
    "UndeleteVersion": version_pb2.UndeleteVersionRequest(name=VERSION),
    "BatchCreateVersions": version_pb2.BatchCreateVersionsRequest(
        parent=MODEL, requests=[version_pb2.CreateVersionRequest()]
    ),
    "BatchGetVersions": version_pb2.BatchGetVersionsRequest(names=[VERSION]),
    "GetLineage": version_pb2.GetLineageRequest(name=VERSION),
    "ListMissingFiles": artifact_pb2.ListMissingFilesRequest(version=VERSION),
    "UploadFile": artifact_pb2.UploadFileRequest(header=artifact_pb2.UploadHeader(version=VERSION, path="a.json")),
    "BeginUpload": artifact_pb2.BeginUploadRequest(version=VERSION, path="a.json"),
    "CompleteUpload": artifact_pb2.CompleteUploadRequest(version=VERSION, path="a.json"),
    "GetDownloadUrl": artifact_pb2.GetDownloadUrlRequest(version=VERSION, path="a.json"),
    "DownloadFile": artifact_pb2.DownloadFileRequest(version=VERSION, path="a.json"),
    "MirrorFiles": artifact_pb2.MirrorFilesRequest(version=VERSION),
    "EvaluateVersion": licensing_pb2.EvaluateVersionRequest(name=VERSION),
    "ConcludeLicenses": licensing_pb2.ConcludeLicensesRequest(name=VERSION, rationale="read it"),
    "PlanStudent": licensing_pb2.PlanStudentRequest(recipe=licensing_pb2.StudentRecipe(student=VERSION)),
    "GetReview": review_pb2.GetReviewRequest(name=REVIEW),
    "ListReviews": review_pb2.ListReviewsRequest(parent=OTHER),
    "RequestReviews": review_pb2.RequestReviewsRequest(version=VERSION, context=RESEARCH),
    "DecideReview": review_pb2.DecideReviewRequest(
        name=REVIEW, decision=review_pb2.REVIEW_DECISION_REJECT, rationale="no"
    ),
    "BatchDecideReviews": review_pb2.BatchDecideReviewsRequest(parent=OTHER, names=[REVIEW], rationale="no"),
    "AssignReview": review_pb2.AssignReviewRequest(name=REVIEW, assignee="bob"),
    "RevokeReview": review_pb2.RevokeReviewRequest(name=REVIEW, rationale="no"),
    "CreateEvaluationReport": evaluation_report_pb2.CreateEvaluationReportRequest(parent=VERSION),
    "GetEvaluationReport": evaluation_report_pb2.GetEvaluationReportRequest(name=REPORT),
    "ListEvaluationReports": evaluation_report_pb2.ListEvaluationReportsRequest(parent=VERSION),
    "GetFinding": finding_pb2.GetFindingRequest(name=FINDING),
    "ListFindings": finding_pb2.ListFindingsRequest(parent=OTHER),
    "ConcludeFinding": finding_pb2.ConcludeFindingRequest(name=FINDING, rationale="no"),
    "RescanVersion": finding_pb2.RescanVersionRequest(version=VERSION),
    "CreateAgreement": agreement_pb2.CreateAgreementRequest(parent=OTHER, agreement_id="a"),
    "GetAgreement": agreement_pb2.GetAgreementRequest(name=AGREEMENT),
    "ListAgreements": agreement_pb2.ListAgreementsRequest(parent=OTHER),
    "RevokeAgreement": agreement_pb2.RevokeAgreementRequest(name=AGREEMENT),
    "GetBundle": duty_pb2.GetBundleRequest(version=VERSION, context=RESEARCH),
    "RecordBundle": duty_pb2.RecordBundleRequest(version=VERSION, context=RESEARCH),
    "ListDuties": duty_pb2.ListDutiesRequest(version=VERSION, context=RESEARCH),
    "AttestDuty": duty_pb2.AttestDutyRequest(version=VERSION, context=RESEARCH, duty="AUP:llama3", statement="yes"),
    "RevokeAttestation": duty_pb2.RevokeAttestationRequest(name=ATTESTATION, rationale="no"),
    "PromoteVersion": promotion_pb2.PromoteVersionRequest(version=VERSION, context=RESEARCH, stage="staging"),
    "RollbackChannel": promotion_pb2.RollbackChannelRequest(name=CHANNEL),
    "SetChannelPolicy": channel_policy_pb2.SetChannelPolicyRequest(parent=OTHER, policy_id="p", reason="no"),
    "RetireChannelPolicy": channel_policy_pb2.RetireChannelPolicyRequest(name=POLICY, reason="no"),
    "GetChannelPolicy": channel_policy_pb2.GetChannelPolicyRequest(name=POLICY),
    "ListChannelPolicies": channel_policy_pb2.ListChannelPoliciesRequest(parent=OTHER),
    "CreateApproval": channel_policy_pb2.CreateApprovalRequest(version=VERSION, context=RESEARCH, stage="staging"),
    "RevokeApproval": channel_policy_pb2.RevokeApprovalRequest(name=f"{OTHER}/approvals/a"),
    "ListApprovals": channel_policy_pb2.ListApprovalsRequest(parent=OTHER),
    "AttachSignature": channel_policy_pb2.AttachSignatureRequest(version=VERSION),
    "ListSignatures": channel_policy_pb2.ListSignaturesRequest(version=VERSION),
    "RecallVersion": recall_pb2.RecallVersionRequest(version=VERSION),
    "LiftRecall": recall_pb2.LiftRecallRequest(name=f"{OTHER}/recalls/r", reason="no"),
    "ListRecalls": recall_pb2.ListRecallsRequest(parent=OTHER),
    "GetPromotion": promotion_pb2.GetPromotionRequest(name=f"{CHANNEL}/promotions/1"),
    "GetChannel": promotion_pb2.GetChannelRequest(name=CHANNEL),
    "ListChannels": promotion_pb2.ListChannelsRequest(parent=MODEL),
    "ListPromotions": promotion_pb2.ListPromotionsRequest(parent=CHANNEL),
    "GetReport": evidence_pb2.GetReportRequest(name=VERSION, format=evidence_pb2.REPORT_FORMAT_JSON),
    "CheckDeployment": promotion_pb2.CheckDeploymentRequest(version=VERSION, context=RESEARCH),
}
# Licence profiles, policies, the catalogue and hub repositories belong to no namespace; tokens, audit events, curation
# and changes of verdicts have tests of their own.
WITHOUT_NAMESPACE = {
    "ListLicenses",
    "GetLicense",
    "ReviseLicense",
    "PreviewImpact",
    "ListReevaluations",
    "ListVerdictChanges",
    "GetPolicy",
    "ListPolicies",
    "CreatePolicy",
    "ListCatalogEntries",
    "GetCatalogEntry",
    "CurateCatalogEntry",
    "BatchCurateCatalogEntries",
    "WithdrawCatalogEntry",
    "EvaluateScenario",
    "PlanImport",
    "CreateToken",
    "ListTokens",
    "RevokeToken",
    "GetCaller",
    "GetSigningKeys",
    "ListAuditEvents",
    "WatchEvents",
    "VerifyAudit",
    "CheckStore",
    "CollectGarbage",
}
PATHS = {path.rpartition("/")[2]: (path, method) for path, method in methods() if "/spiritsafe.registry." in path}


def test_every_method_is_here() -> None:
    assert set(REQUESTS) | WITHOUT_NAMESPACE == set(PATHS)


def refusals(served: Served, secret: str) -> dict[str, errors.SpiritsafeError | None]:
    """What each method says."""
    found: dict[str, errors.SpiritsafeError | None] = {}
    with grpc.insecure_channel(served.address) as channel:
        for name, request in REQUESTS.items():
            path, method = PATHS[name]
            sides = [method.client_streaming, method.server_streaming]
            arity = "_".join("stream" if streaming else "unary" for streaming in sides)
            sent: Any = request.SerializeToString()
            try:
                answer = getattr(channel, arity)(path)(
                    iter([sent]) if method.client_streaming else sent,
                    metadata=[("authorization", f"Bearer {secret}")],
                    timeout=30,
                )
                found[name] = None
                if method.server_streaming:
                    list(answer)
            except grpc.RpcError as error:
                found[name] = from_rpc_error(error)
    return found


def test_no_method_reaches_another_namespace(server: Served) -> None:
    secret = server.token("ada@example.com", ROLES, namespaces=["lab"]).secret
    for name, refused in refusals(server, secret).items():
        assert isinstance(refused, errors.PermissionDenied), f"{name}: {refused!r}"
        assert refused.reason == "NAMESPACE_NOT_GRANTED", name


def test_the_same_calls_pass_where_the_roles_hold(server: Served) -> None:
    secret = server.token("ada@example.com", ROLES, namespaces=["default"]).secret
    for name, refused in refusals(server, secret).items():
        assert not isinstance(refused, errors.PermissionDenied | errors.Internal), f"{name}: {refused!r}"


def test_a_deployment_check_by_content_sees_its_own_namespaces_only(server: Served, tmp_path: Path) -> None:
    folder = tmp_path / "files"
    folder.mkdir()
    name = Builder(server.client("publisher"), folder).model("m", "base", licenses=["apache-2.0"])
    reader, limited = server.client("reader"), server.client("reader", namespaces=("lab",))
    version = reader.versions.GetVersion(version_pb2.GetVersionRequest(name=name)).version
    for request in (
        promotion_pb2.CheckDeploymentRequest(context=RESEARCH, digest=version.digest),
        promotion_pb2.CheckDeploymentRequest(context=RESEARCH, file_sha256=version.files[0].sha256),
    ):
        assert reader.promotions.CheckDeployment(request).allowed
        with pytest.raises(errors.NotFound):
            limited.promotions.CheckDeployment(request)
