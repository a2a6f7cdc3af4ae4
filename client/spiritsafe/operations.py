"""What the two clients share beyond the stubs: requests from plain values, and answers as plain values. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Literal

from spiritsafe.errors import InvalidArgument, Violation
from spiritsafe.evidence import Decision, Verified, read_decision, verify_envelope
from spiritsafe.registry.v1 import licensing_pb2, promotion_pb2, version_pb2
from spiritsafe.rpc.names import ChannelName, Collection, NodeName, VersionName, expand

ContextText = Literal["research", "education", "internal", "commercial"]
KindText = Literal["base", "adapter", "full", "quantized", "prompts", "trajectories", "evaluation"]
_CONTEXTS: tuple[ContextText, ...] = ("research", "education", "internal", "commercial")
# Edges of these types lead to datasets.
_DATA_EDGES = ("trained_on", "derived_from", "evaluated_on")


def node_of(text: str) -> NodeName:
    """A model, ``dataset:NAME`` or a full name. Raises InvalidArgument, also where it names a version."""
    name = expand(text)
    if isinstance(name, VersionName):
        raise _invalid("name", f"{text!r} names a version, whose number the registry assigns", f"use {name.node.short}")
    return name


def version_of(text: str, collection: Collection = "models") -> VersionName:
    """``m@n``, ``dataset:m@n`` or a full name. Raises InvalidArgument without a number."""
    name = expand(text, collection)
    if isinstance(name, VersionName):
        return name
    raise _invalid("version", f"{text!r} names no version", f"add its number, for example {name.short}@1")


def channel_of(node: NodeName, text: str) -> ChannelName:
    """Reads CONTEXT/STAGE. Raises InvalidArgument."""
    context, slash, stage = text.partition("/")
    if not slash or context not in _CONTEXTS:
        raise _invalid(
            "channel", f"{text!r} is not a channel", "write CONTEXT/STAGE, for example commercial/production"
        )
    return ChannelName.parse(str(ChannelName(node, context, stage)), "channel")


def context_value(context: str) -> licensing_pb2.Context.ValueType:
    """The value of a context's name. Raises InvalidArgument."""
    if context not in _CONTEXTS:
        raise _invalid("context", f"{context!r} is no context", f"contexts are {', '.join(_CONTEXTS)}")
    return licensing_pb2.Context.Value(f"CONTEXT_{context.upper()}")


def declared(
    kind: str,
    licenses: Iterable[str] | None,
    edges: Iterable[tuple[str, str]],
    description: str,
    tags: Mapping[str, str] | None,
) -> version_pb2.Version:
    """What a version says of itself, without its files. Raises InvalidArgument."""
    version = version_pb2.Version(
        kind=version_pb2.VersionKind.Value(
            _known(f"VERSION_KIND_{kind.upper()}", version_pb2.VersionKind.keys(), "kind")
        ),
        description=description,
        tags=dict(tags or {}),
        edges=[_edge(kind, parent) for kind, parent in edges],
    )
    if licenses is not None:
        version.declared_licenses.CopyFrom(licensing_pb2.LicenseSet(ids=list(licenses)))
    return version


def _edge(kind: str, parent: str) -> version_pb2.Edge:
    label = _known(f"EDGE_TYPE_{kind.upper()}", version_pb2.EdgeType.keys(), "edges")
    name = version_of(parent, "datasets" if kind in _DATA_EDGES else "models")
    return version_pb2.Edge(type=version_pb2.EdgeType.Value(label), parent=str(name))


def check_request(
    name: str, context: str, outbound_license: str, distributed: bool
) -> promotion_pb2.CheckDeploymentRequest:
    return promotion_pb2.CheckDeploymentRequest(
        version=str(version_of(name)),
        context=context_value(context),
        outbound_license=outbound_license,
        distributed=distributed,
    )


def decision(answer: promotion_pb2.CheckDeploymentResponse, keys_pem: str) -> Decision:
    """The signed decision in an answer. Without keys its signature is not verified, and ``key_id`` is empty."""
    envelope = answer.envelope
    if keys_pem:
        return read_decision(verify_envelope(envelope, keys_pem))
    return read_decision(Verified(envelope.payload_type, envelope.payload, ""))


def promote_request(
    name: str, channel: str, outbound_license: str, distributed: bool, validate_only: bool
) -> promotion_pb2.PromoteVersionRequest:
    version = version_of(name)
    target = channel_of(version.node, channel)
    return promotion_pb2.PromoteVersionRequest(
        version=str(version),
        context=context_value(target.context),
        stage=target.stage,
        outbound_license=outbound_license,
        distributed=distributed,
        validate_only=validate_only,
    )


def _known(label: str, labels: Iterable[str], field: str) -> str:
    known = [each for each in labels if not each.endswith("_UNSPECIFIED")]
    if label in known:
        return label
    words = [each.removeprefix("VERSION_KIND_").removeprefix("EDGE_TYPE_").lower() for each in known]
    raise _invalid(
        field,
        f"{label.removeprefix('VERSION_KIND_').removeprefix('EDGE_TYPE_').lower()!r} is not known",
        f"known are {', '.join(words)}",
    )


def _invalid(field: str, description: str, remedy: str) -> InvalidArgument:
    return InvalidArgument(
        f"{field}: {description}",
        reason="INVALID_OPTION",
        remedy=remedy,
        violations=(Violation(field, description),),
    )
