"""Lineages for tests, made through the contract by a publisher, and what people then decide about them."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from registry.wire import enum_number, enum_text
from spiritsafe.client import Client
from spiritsafe.publish import publish_version
from spiritsafe.registry.v1 import (
    dataset_pb2,
    duty_pb2,
    evaluation_report_pb2,
    licensing_pb2,
    model_pb2,
    promotion_pb2,
    review_pb2,
    version_pb2,
)

NAMESPACE = "namespaces/default"
Report = evaluation_report_pb2.EvaluationReport
Edges = Sequence[tuple[str, str]]


class Builder:
    """Registers models and datasets, each with one version of small files; gives version names.

    ``weights`` holds the text in the weights of each version.
    """

    def __init__(self, client: Client, folder: Path) -> None:
        self._client = client
        self._folder = folder
        self.weights: dict[str, str] = {}

    def model(
        self,
        slug: str,
        kind: str = "full",
        *,
        display_name: str = "",
        edges: Edges = (),
        namespace: str = NAMESPACE,
        **fields: Any,
    ) -> str:
        """``licenses`` absent means that nothing is known, [] none of its own; other fields are Version's."""
        given = model_pb2.Model(display_name=display_name or slug)
        self._client.models.CreateModel(model_pb2.CreateModelRequest(parent=namespace, model_id=slug, model=given))
        return self.version(f"{namespace}/models/{slug}", kind, edges=edges, **fields)

    def dataset(self, slug: str, kind: str = "trajectories", *, edges: Edges = (), **fields: Any) -> str:
        """As ``model``."""
        given = dataset_pb2.Dataset(display_name=slug)
        request = dataset_pb2.CreateDatasetRequest(parent=NAMESPACE, dataset_id=slug, dataset=given)
        self._client.datasets.CreateDataset(request)
        return self.version(f"{NAMESPACE}/datasets/{slug}", kind, edges=edges, **fields)

    def version(
        self,
        parent: str,
        kind: str,
        *,
        edges: Edges = (),
        content: str = "",
        weights: str | None = "",
        files: Mapping[str, bytes | str] | None = None,
        **fields: Any,
    ) -> str:
        """One more version of a model or dataset; its file holds ``content``, else something of its own.

        ``files`` are further ones, by path.

        A model has weights as well: the text of ``weights`` instead of ``content``, or none where that is None."""
        version = self._version(kind, edges, fields)
        text = content or f"{parent} {kind} {edges} {sorted(fields)} {len(list(self._folder.iterdir()))}"
        folder = self._folder / sha256(f"{parent} {text}".encode()).hexdigest()
        folder.mkdir()
        (folder / "config.json").write_text(f'{{"content": "{text}"}}')
        if "/models/" in parent and weights is not None:
            (folder / "model.safetensors").write_bytes(safetensors(weights or text))
        for path, data in (files or {}).items():
            (folder / path).parent.mkdir(exist_ok=True)
            (folder / path).write_bytes(data if isinstance(data, bytes) else data.encode())
        name = publish_version(self._client, parent, version, folder).name
        self.weights[name] = weights or text
        return name

    def draft(self, parent: str, kind: str) -> str:
        """A draft whose only file was never uploaded."""
        version = self._version(kind, (), {"licenses": []})
        version.files.append(version_pb2.FileEntry(path="config.json", size_bytes=2, sha256=sha256(b"{}").hexdigest()))
        request = version_pb2.CreateVersionRequest(parent=parent, version=version)
        return self._client.versions.CreateVersion(request).version.name

    def demo(self, **student: Any) -> Mapping[str, str]:
        """The story's lineage: an NC teacher on DeepSeek, its traces, a Qwen 3 student of them; held-out data."""
        names: dict[str, str] = {}
        names["deepseek"] = self.model(
            "deepseek-coder-7b",
            "base",
            licenses=["deepseek-model-1.0"],
            imported=True,
            base_family="deepseek",
        )
        names["xlam"] = self.model(
            "xlam-7b-fc-r",
            "base",
            licenses=["cc-by-nc-4.0"],
            imported=True,
            edges=[("finetune", names["deepseek"])],
        )
        names["teacher"] = self.model("teacher", "adapter", licenses=[], edges=[("adapter", names["xlam"])])
        names["traces"] = self.dataset("traces", licenses=[], edges=[("generated_by", names["teacher"])])
        names["qwen3"] = self.model("qwen3-8b", "base", licenses=["apache-2.0"], imported=True, base_family="qwen3")
        names["student_adapter"] = self.model(
            "student-adapter",
            "adapter",
            licenses=["apache-2.0"],
            edges=[("adapter", names["qwen3"]), ("trained_on", names["traces"])],
        )
        names["student"] = self.model(
            "student",
            licenses=["apache-2.0"],
            edges=[("merge", names["qwen3"]), ("merge", names["student_adapter"]), ("trained_on", names["traces"])],
            **student,
        )
        names["held_out"] = self.dataset("held-out", "evaluation", licenses=[])
        return names

    def student(self, names: Mapping[str, str], number: int = 2, **fields: Any) -> str:
        """One more version of the demo's student."""
        edges = [("merge", names["qwen3"]), ("merge", names["student_adapter"]), ("trained_on", names["traces"])]
        return self.version(
            f"{NAMESPACE}/models/student", "full", licenses=["apache-2.0"], edges=edges, content=str(number), **fields
        )

    def _version(self, kind: str, edges: Edges, fields: dict[str, Any]) -> version_pb2.Version:
        licenses = fields.pop("licenses", None)
        return version_pb2.Version(
            kind=enum_number(version_pb2.VersionKind, kind, "kind"),
            edges=[
                version_pb2.Edge(type=enum_number(version_pb2.EdgeType, type_, "type"), parent=parent)
                for type_, parent in edges
            ],
            declared_licenses=None if licenses is None else licensing_pb2.LicenseSet(ids=licenses),
            **fields,
        )


@dataclass(frozen=True)
class Story:
    """The demo's lineage on a running server. Ada registers, Rob reviews, Rita releases."""

    client: Callable[..., Client]
    build: Builder
    names: Mapping[str, str]

    @classmethod
    def tell(cls, client: Callable[..., Client], folder: Path) -> Story:
        folder.mkdir()
        build = Builder(client("publisher", "reviewer", identity="ada"), folder)
        return cls(client, build, build.demo())

    @property
    def ada(self) -> Client:
        return self.client("publisher", "reviewer", identity="ada")

    @property
    def rob(self) -> Client:
        return self.client("reviewer", identity="rob")

    @property
    def rita(self) -> Client:
        return self.client("releaser", identity="rita")

    def evaluate(self, name: str, context: str = "commercial", outbound: str = "") -> licensing_pb2.Evaluation:
        request = licensing_pb2.EvaluateVersionRequest(
            name=name, contexts=[context_number(context)], outbound_license=outbound
        )
        return self.ada.licenses.EvaluateVersion(request).evaluations[0]

    def verdict(self, name: str, context: str = "commercial", outbound: str = "") -> str:
        return verdict_text(self.evaluate(name, context, outbound))

    def record_evaluation(self, name: str, **fields: Any) -> Report:
        """Ada's report on a student's weights; ``fields`` replace parts of it."""
        complete = {
            "baseline": self.names["qwen3"],
            "dataset": self.names["held_out"],
            "categories": [single_calls()],
        }
        request = evaluation_report_pb2.CreateEvaluationReportRequest(
            parent=name, evaluation_report=Report(**(complete | fields))
        )
        return self.ada.evaluation_reports.CreateEvaluationReport(request).evaluation_report

    def request(self, name: str, context: str = "commercial", outbound: str = "openrail-m") -> list[review_pb2.Review]:
        request = review_pb2.RequestReviewsRequest(
            version=name, context=context_number(context), outbound_license=outbound
        )
        return list(self.ada.reviews.RequestReviews(request).reviews)

    def approve(self, review: review_pb2.Review, **fields: Any) -> review_pb2.Review:
        return self.rob.reviews.DecideReview(approval(review, **fields)).review

    def approve_all(self, name: str, context: str = "commercial") -> list[review_pb2.Review]:
        return [self.approve(review) for review in self.request(name, context)]

    def record_bundle(
        self, name: str, context: str = "commercial", outbound: str = "openrail-m", **fields: Any
    ) -> duty_pb2.Bundle:
        """Ada's bundle, although texts are missing."""
        complete = {"allow_missing": True, "outbound_license": outbound} | fields
        request = duty_pb2.RecordBundleRequest(version=name, context=context_number(context), **complete)
        return self.ada.duties.RecordBundle(request).bundle

    def duties(
        self, name: str, context: str = "commercial", outbound: str = "openrail-m", **fields: Any
    ) -> dict[str, duty_pb2.Duty]:
        """Every duty by its code."""
        request = duty_pb2.ListDutiesRequest(
            version=name, context=context_number(context), outbound_license=outbound, **fields
        )
        return {duty.code: duty for duty in self.ada.duties.ListDuties(request).duties}

    def attest(
        self, name: str, duty: str, context: str = "commercial", outbound: str = "openrail-m", **fields: Any
    ) -> duty_pb2.Attestation:
        """Rob's word for a duty."""
        complete = {"statement": "I hold the text, and it goes out with the weights", "outbound_license": outbound}
        request = duty_pb2.AttestDutyRequest(
            version=name, context=context_number(context), duty=duty, **(complete | fields)
        )
        return self.rob.duties.AttestDuty(request).attestation

    def meet_duties(self, name: str, *outbounds: str) -> None:
        """Ada records the bundle of each commercial release, and Rob attests what no file of it answers."""
        for outbound in outbounds or ("openrail-m", "apache-2.0"):
            self.record_bundle(name, outbound=outbound)
            for code, duty in self.duties(name, outbound=outbound).items():
                if duty.state in (duty_pb2.DUTY_STATE_UNMET, duty_pb2.DUTY_STATE_OPEN):
                    self.attest(name, code, outbound=outbound)

    def another(self, *outbounds: str, **fields: Any) -> str:
        """One more version of the student, its duties met."""
        name = self.build.student(self.names, **fields)
        self.meet_duties(name, *(outbounds or ("openrail-m",)))
        return name

    def promote(
        self, name: str, context: str = "commercial", outbound: str = "openrail-m", **fields: Any
    ) -> promotion_pb2.Promotion:
        request = promotion_pb2.PromoteVersionRequest(
            version=name, context=context_number(context), stage="production", outbound_license=outbound, **fields
        )
        return self.rita.promotions.PromoteVersion(request).promotion


def safetensors(text: str) -> bytes:
    """A safetensors file without tensors: the length of its header, then the header, which holds the text."""
    header = json.dumps({"__metadata__": {"content": text}}).encode()
    return len(header).to_bytes(8, "little") + header


def single_calls(**counts: int) -> evaluation_report_pb2.EvaluationCategory:
    """Counts of one category that fit each other; ``counts`` replace some."""
    fitting = {"count": 100, "candidate_exact": 90, "baseline_exact": 12, "gained": 80, "lost": 2}
    return evaluation_report_pb2.EvaluationCategory(category="single", **(fitting | counts))


def approval(review: review_pb2.Review, **fields: Any) -> review_pb2.DecideReviewRequest:
    """A complete approval; ``fields`` replace parts of it."""
    complete = {
        "name": review.name,
        "decision": review_pb2.REVIEW_DECISION_APPROVE,
        "rationale": "counsel's memo of 12 May",
        "answers": ["no"] * len(review.questions),
    }
    return review_pb2.DecideReviewRequest(**(complete | fields))


def context_number(context: str) -> licensing_pb2.Context.ValueType:
    number: licensing_pb2.Context.ValueType = enum_number(licensing_pb2.Context, context, "context")
    return number


def verdict_text(evaluation: licensing_pb2.Evaluation) -> str:
    return enum_text(licensing_pb2.Verdict, evaluation.verdict)
