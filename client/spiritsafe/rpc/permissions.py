"""The permission that each method of the contract names, read from its descriptor."""

from __future__ import annotations

from collections.abc import Iterator

from google.protobuf.descriptor import FileDescriptor, MethodDescriptor

from spiritsafe.auth.v1 import permission_pb2
from spiritsafe.distill.v1 import run_pb2
from spiritsafe.registry.v1 import (
    agreement_pb2,
    artifact_pb2,
    audit_pb2,
    catalog_pb2,
    channel_policy_pb2,
    dataset_pb2,
    duty_pb2,
    evaluation_report_pb2,
    evidence_pb2,
    finding_pb2,
    identity_pb2,
    import_pb2,
    licensing_pb2,
    model_pb2,
    policy_pb2,
    promotion_pb2,
    recall_pb2,
    review_pb2,
    store_pb2,
    version_pb2,
)

PUBLIC = "public"
REGISTRY_FILES: tuple[FileDescriptor, ...] = tuple(
    module.DESCRIPTOR
    for module in (
        agreement_pb2,
        artifact_pb2,
        audit_pb2,
        catalog_pb2,
        channel_policy_pb2,
        dataset_pb2,
        duty_pb2,
        evaluation_report_pb2,
        finding_pb2,
        evidence_pb2,
        identity_pb2,
        import_pb2,
        licensing_pb2,
        model_pb2,
        policy_pb2,
        promotion_pb2,
        recall_pb2,
        review_pb2,
        store_pb2,
        version_pb2,
    )
)
DISTILL_FILES: tuple[FileDescriptor, ...] = (run_pb2.DESCRIPTOR,)


def methods() -> Iterator[tuple[str, MethodDescriptor]]:
    """Every method of the contract with its full path, for example "/spiritsafe.registry.v1.ModelService/GetModel"."""
    for file in REGISTRY_FILES + DISTILL_FILES:
        for service in file.services_by_name.values():
            for method in service.methods:
                yield f"/{service.full_name}/{method.name}", method


def permission_of(method: MethodDescriptor) -> str:
    """The permission that the method names; empty when it names none, which servers refuse."""
    return str(method.GetOptions().Extensions[permission_pb2.permission])


def permissions_by_path() -> dict[str, str]:
    """Method path to permission, for the whole contract."""
    return {path: permission_of(method) for path, method in methods()}
