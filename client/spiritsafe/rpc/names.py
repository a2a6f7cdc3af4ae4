"""Resource names (AIP-122) and the short form of the command line.

``namespaces/{ns}/models/{m}/versions/{n}``, datasets likewise; in short ``m@n`` for a model and
``dataset:m@n`` for a dataset of the default namespace.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from spiritsafe.errors import InvalidArgument, Violation

DEFAULT_NAMESPACE = "default"
ID_PATTERN = re.compile(r"[a-z0-9](?:[a-z0-9._-]{0,61}[a-z0-9])?")
Collection = Literal["models", "datasets"]

_NODE = re.compile(r"namespaces/(?P<ns>[^/]+)/(?P<collection>models|datasets)/(?P<id>[^/]+)")
_VERSION = re.compile(_NODE.pattern + r"/versions/(?P<number>[1-9][0-9]{0,17})")
_CHANNEL = re.compile(_NODE.pattern + r"/channels/(?P<context>research|education|internal|commercial)-(?P<stage>[^/]+)")
_EVALUATION_REPORT = re.compile(_VERSION.pattern + r"/evaluationReports/(?P<report>[^/]+)")
_SHORT = re.compile(r"(?P<dataset>dataset:)?(?P<id>[^@/]+)(?:@(?P<number>[1-9][0-9]{0,17}))?")


def check_id(value: str, field: str) -> str:
    """The id itself when it is well formed. Raises InvalidArgument naming the field."""
    if ID_PATTERN.fullmatch(value):
        return value
    description = (
        f"{value!r} is not an id: 1 to 63 lower-case letters, digits, '.', '_' or '-', "
        "starting and ending with a letter or digit"
    )
    raise InvalidArgument(description, reason="INVALID_ID", violations=(Violation(field, description),))


def node_texts(namespace: str, collection: str, id: str) -> tuple[str, str]:  # noqa: A002 - as the field is called
    """The name of a model or dataset, and the name in short."""
    full = f"namespaces/{namespace}/{collection}/{id}"
    if namespace != DEFAULT_NAMESPACE:
        return full, full
    return full, f"dataset:{id}" if collection == "datasets" else id


def version_texts(node: str, short: str, number: int) -> tuple[str, str]:
    """The name of a version, and the name in short, from those of its model or dataset."""
    full = f"{node}/versions/{number}"
    return full, full if "/" in short else f"{short}@{number}"


@dataclass(frozen=True, slots=True)
class NodeName:
    """A model or a dataset."""

    namespace: str
    collection: Collection
    id: str

    def __str__(self) -> str:
        return node_texts(self.namespace, self.collection, self.id)[0]

    @property
    def short(self) -> str:
        return node_texts(self.namespace, self.collection, self.id)[1]

    @classmethod
    def parse(cls, name: str, field: str = "name") -> NodeName:
        match = _NODE.fullmatch(name)
        if match is None:
            raise _malformed(name, field, "namespaces/NAMESPACE/models/MODEL or namespaces/NAMESPACE/datasets/DATASET")
        return cls(check_id(match["ns"], field), _collection(match["collection"]), check_id(match["id"], field))


@dataclass(frozen=True, slots=True)
class VersionName:
    """A numbered version of a model or dataset."""

    node: NodeName
    number: int

    def __str__(self) -> str:
        return version_texts(str(self.node), self.node.short, self.number)[0]

    @property
    def short(self) -> str:
        return version_texts(str(self.node), self.node.short, self.number)[1]

    @classmethod
    def parse(cls, name: str, field: str = "name") -> VersionName:
        match = _VERSION.fullmatch(name)
        if match is None:
            raise _malformed(name, field, "namespaces/NAMESPACE/models/MODEL/versions/NUMBER (or …/datasets/…)")
        return cls(NodeName.parse(name.rsplit("/versions/", 1)[0], field), int(match["number"]))


@dataclass(frozen=True, slots=True)
class ChannelName:
    """Where versions of one model or dataset are deployed: context x stage."""

    node: NodeName
    context: str
    stage: str

    def __str__(self) -> str:
        return f"{self.node}/channels/{self.context}-{self.stage}"

    @property
    def label(self) -> str:
        return f"{self.context}/{self.stage}"

    @classmethod
    def parse(cls, name: str, field: str = "name") -> ChannelName:
        match = _CHANNEL.fullmatch(name)
        if match is None:
            raise _malformed(name, field, "namespaces/NAMESPACE/models/MODEL/channels/CONTEXT-STAGE")
        node = NodeName.parse(name.rsplit("/channels/", 1)[0], field)
        return cls(node, match["context"], check_id(match["stage"], field))


@dataclass(frozen=True, slots=True)
class EvaluationReportName:
    """A report on the weights of a version of a model."""

    version: VersionName
    id: str

    def __str__(self) -> str:
        return f"{self.version}/evaluationReports/{self.id}"

    @property
    def short(self) -> str:
        prefix = self.version.short
        return f"{prefix}/{self.id}" if "/" not in prefix else str(self)

    @classmethod
    def parse(cls, name: str, field: str = "name") -> EvaluationReportName:
        match = _EVALUATION_REPORT.fullmatch(name)
        if match is None:
            raise _malformed(name, field, "namespaces/NAMESPACE/models/MODEL/versions/NUMBER/evaluationReports/REPORT")
        version = VersionName.parse(name.rsplit("/evaluationReports/", 1)[0], field)
        return cls(version, check_id(match["report"], field))


def expand(text: str, collection: Collection = "models", namespace: str = DEFAULT_NAMESPACE) -> NodeName | VersionName:
    """Reads a full resource name or the short form ``m``, ``m@n``, ``dataset:d@n``. Raises InvalidArgument."""
    if text.startswith("namespaces/"):
        return VersionName.parse(text) if "/versions/" in text else NodeName.parse(text)
    match = _SHORT.fullmatch(text)
    if match is None:
        raise _malformed(text, "name", "MODEL@NUMBER, dataset:DATASET@NUMBER or a full resource name")
    kind: Collection = "datasets" if match["dataset"] else collection
    node = NodeName(namespace, kind, check_id(match["id"], "name"))
    return VersionName(node, int(match["number"])) if match["number"] else node


def shorten(name: str) -> str:
    """The short form of a resource name; other text unchanged."""
    if _VERSION.fullmatch(name):
        return VersionName.parse(name).short
    if _EVALUATION_REPORT.fullmatch(name):
        return EvaluationReportName.parse(name).short
    return NodeName.parse(name).short if _NODE.fullmatch(name) else name


def _collection(text: str) -> Collection:
    return "datasets" if text == "datasets" else "models"


def _malformed(name: str, field: str, form: str) -> InvalidArgument:
    description = f"{name!r} is not of the form {form}"
    return InvalidArgument(description, reason="INVALID_NAME", violations=(Violation(field, description),))
