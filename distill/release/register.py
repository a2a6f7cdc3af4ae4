"""Registers what a run made: bases, data, adapters and merged weights, with every lineage edge.

What is there already is used again, by this run after a kill or by another one: bases by what they were published
as, all else by its content.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from google.protobuf.json_format import MessageToDict, ParseDict

from distill.datasets.write import PLOTS, registration
from distill.recipe import Checkpoint, Stage
from distill.release import publications as pub
from distill.release.card import Card, render_card
from distill.runs.catalog import Entries, recipe_entries
from distill.runs.plan import evaluated_outcomes, plan_outcomes, teacher_licenses
from distill.stages import curate, evaluate, finetune_teacher, merge
from distill.stages.inputs import ADAPTER
from distill.stages.spec import Report, StageSpec, read_result, write_json
from spiritsafe.client import Client
from spiritsafe.distill.v1 import run_pb2
from spiritsafe.errors import AlreadyExists, InvalidArgument, NotFound
from spiritsafe.hub.cards import HubLicense
from spiritsafe.publish import publish_once, request_uuid
from spiritsafe.registry.v1 import dataset_pb2, evaluation_report_pb2, licensing_pb2, model_pb2, version_pb2
from spiritsafe.rpc.names import NodeName

_OUTCOMES = "outcomes.json"
# Versions that each of the two stages registers.
_TEACHER_STEPS, _STEPS = 3, 5
_SCORING: tuple[Stage, ...] = ("evaluate_untouched", "evaluate", "evaluate_teacher")


def register_teacher(client: Client, spec: StageSpec, report: Report) -> dict[str, Any]:
    """Registers the tuned teacher, with its base and its data, and returns outputs and licence outcomes of the run.

    The adapter's edges carry its base's terms to it from that moment on. Outcomes of what is still to come are planned.
    """
    registrar = _Registrar(client, spec, report, 1 if spec.recipe.teacher.endpoint else _TEACHER_STEPS)
    outputs = registrar.teacher()
    evaluated = evaluated_outcomes(client, {"teacher": _teacher_of(outputs)})
    planned = [one for one in registrar.outcomes if one.subject != "teacher"]
    return _figures_of(outputs, [*evaluated, *planned])


def register(client: Client, spec: StageSpec, report: Report) -> dict[str, Any]:
    """Registers everything else and returns outputs and licence outcomes, as figures of the run."""
    outputs = _Registrar(client, spec, report, _STEPS).student()
    versions = {"teacher": _teacher_of(outputs), "traces": outputs.traces, "student": outputs.student}
    return _figures_of(outputs, evaluated_outcomes(client, versions))


def _teacher_of(outputs: run_pb2.Outputs) -> str:
    """Who wrote the traces: the tuned adapter, or the base where it was asked as it is served."""
    return outputs.teacher_adapter or outputs.teacher_base


def _figures_of(outputs: run_pb2.Outputs, outcomes: Sequence[run_pb2.LicenseOutcome]) -> dict[str, Any]:
    return {"run": {"outputs": _json(outputs), "license_outcomes": [_json(one) for one in outcomes]}}


class _Registrar:
    def __init__(self, client: Client, spec: StageSpec, report: Report, steps: int) -> None:
        self._client = client
        self._spec = spec
        self._recipe = recipe = spec.recipe
        self._report = report
        self._done, self._steps = 0, steps
        self._entries: Entries = recipe_entries(client, recipe)
        self._ancestors: dict[str, str] = {}
        self.outcomes = self._planned_outcomes()

    def teacher(self) -> run_pb2.Outputs:
        recipe = self._recipe
        base = self._base(recipe.teacher.base, "teacher")
        if recipe.teacher.endpoint:
            return run_pb2.Outputs(teacher_base=base)
        data = self._publish(pub.teacher_data(recipe), self._output("finetune_teacher", finetune_teacher.DATA))
        licenses = teacher_licenses(recipe, self._entries)
        adapter = self._publish(
            pub.teacher_adapter(recipe, licenses, base, data),
            self._output("finetune_teacher", ADAPTER),
            self._teacher_card(licenses),
        )
        return run_pb2.Outputs(teacher_base=base, teacher_adapter=adapter, teacher_data=data)

    def student(self) -> run_pb2.Outputs:
        recipe = self._recipe
        outputs = self._run_figures("register_teacher").outputs
        teacher = _teacher_of(outputs)
        judge, replay = self._judge(), self._replay()
        dataset = self._output("curate", curate.DATASET)
        registration(dataset)  # raises where it is not as it was written
        traces = self._publish(pub.traces(recipe, teacher, judge, replay), dataset, leave_out=(PLOTS,))
        evaluation = self._publish(pub.evaluation_data(recipe), self._output("evaluate", evaluate.DATASET))
        student_base = self._base(recipe.student.base, "student")
        parents = pub.Parents(student_base, traces, evaluation, teacher)
        adapter = self._publish(
            pub.student_adapter(recipe, parents),
            self._output("train_student", ADAPTER),
            self._student_card(f"{recipe.student.display_name}-adapter", "adapter"),
        )
        student = self._publish(
            pub.merged_student(recipe, parents, adapter),
            self._output("merge", merge.MODEL),
            self._student_card(recipe.student.display_name, "finetune"),
        )
        for version in (adapter, student):
            self._record_evaluation(version, parents)
        return run_pb2.Outputs(
            teacher_base=outputs.teacher_base,
            teacher_adapter=outputs.teacher_adapter,
            teacher_data=outputs.teacher_data,
            judge=judge,
            replay=replay,
            traces=traces,
            student_base=student_base,
            student_adapter=adapter,
            student=student,
            evaluation_dataset=evaluation,
        )

    def _record_evaluation(self, version: str, parents: pub.Parents) -> None:
        """Records the paired figures of a student, as an adapter or merged, against its untouched base."""
        report = evaluation_report_pb2.EvaluationReport(
            baseline=parents.base,
            dataset=parents.evaluation,
            categories=[evaluation_report_pb2.EvaluationCategory(**one) for one in self._figures("evaluate")["paired"]],
        )
        # An equal report on an equal version is the same one, whichever run brings it.
        request_id = request_uuid(version, report.SerializeToString(deterministic=True).hex())
        self._client.evaluation_reports.CreateEvaluationReport(
            evaluation_report_pb2.CreateEvaluationReportRequest(
                parent=version, evaluation_report=report, request_id=request_id
            )
        )

    def _judge(self) -> str:
        """The version of the judge, with its ancestors from the catalogue; empty where none had a say."""
        judge = self._recipe.judge
        return self._ancestor(judge.name) if judge and self._figures("verify")["judges"] else ""

    def _replay(self) -> str:
        """The version that stands for the data that replay was drawn from; empty where there is none."""
        if not self._recipe.curation.replay_path:
            return ""
        publication = pub.replay_data(self._recipe, self._spec.sources["replay"].digest)
        self._ensure_node(publication)
        return publish_once(self._client, str(publication.node), publication.version, None).name

    def _base(self, checkpoint: Checkpoint, role: str) -> str:
        """The version of a run's base, with its ancestors from the catalogue."""
        repo = _public(checkpoint)
        source = self._spec.sources[role]
        publication = pub.base_publication(
            self._recipe.namespace,
            repo,
            self._entries.get(repo),
            self._parent_edges(repo),
            checkpoint,
            # Of a teacher that is served somewhere nobody has seen the weights.
            "" if role == "teacher" and self._recipe.teacher.endpoint else source.digest,
            source.revision,
        )
        # Only stand-ins bring their bytes: published weights stay where they are.
        name = self._find_or_publish(publication, Path(source.path) if checkpoint.stand_in else None)
        self._advance(name)
        return name

    def _ancestor(self, repo: str) -> str:
        if repo not in self._ancestors:
            publication = pub.base_publication(
                self._recipe.namespace, repo, self._entries.get(repo), self._parent_edges(repo)
            )
            self._ancestors[repo] = self._find_or_publish(publication, None)
        return self._ancestors[repo]

    def _parent_edges(self, repo: str) -> list[version_pb2.Edge]:
        entry = self._entries.get(repo)
        parents = entry.parents if entry else ()
        return [pub.catalog_edge(parent, self._ancestor(parent.hub_repo)) for parent in parents]

    def _find_or_publish(self, publication: pub.Publication, folder: Path | None) -> str:
        found = self._find(publication)
        if found:
            return found
        self._ensure_node(publication)
        return publish_once(self._client, str(publication.node), publication.version, folder).name

    def _find(self, publication: pub.Publication) -> str:
        token = ""
        while True:
            request = version_pb2.ListVersionsRequest(
                parent=str(publication.node), filter='kind = "base" AND state = "ready"', page_token=token
            )
            try:
                page = self._client.versions.ListVersions(request)
            except NotFound:
                return ""
            for version in page.versions:
                if pub.same_base(version, publication.version):
                    return version.name
            token = page.next_page_token
            if not token:
                return ""

    def _publish(
        self, publication: pub.Publication, folder: Path, card: Card | None = None, leave_out: Sequence[str] = ()
    ) -> str:
        self._ensure_node(publication)
        staged = self._stage(publication.node, folder, card, leave_out)
        version = publish_once(self._client, str(publication.node), publication.version, staged)
        shutil.rmtree(staged)
        self._advance(version.name)
        return version.name

    def _stage(self, node: NodeName, folder: Path, card: Card | None, leave_out: Sequence[str]) -> Path:
        """A copy of a stage's output with the card in it; the output itself stays as its digest says."""
        staged = self._spec.folder / "staged" / node.collection / node.id
        shutil.rmtree(staged, ignore_errors=True)
        shutil.copytree(folder, staged, copy_function=_link, ignore=shutil.ignore_patterns(*leave_out))
        if card is not None:
            (staged / "README.md").unlink(missing_ok=True)
            (staged / "README.md").write_text(render_card(card, sorted(path.name for path in staged.iterdir())))
        return staged

    def _ensure_node(self, publication: pub.Publication) -> None:
        node = publication.node
        parent = f"namespaces/{node.namespace}"
        try:
            if node.collection == "models":
                model = model_pb2.Model(display_name=publication.display_name)
                self._client.models.CreateModel(
                    model_pb2.CreateModelRequest(parent=parent, model_id=node.id, model=model)
                )
            else:
                dataset = dataset_pb2.Dataset(display_name=publication.display_name)
                self._client.datasets.CreateDataset(
                    dataset_pb2.CreateDatasetRequest(parent=parent, dataset_id=node.id, dataset=dataset)
                )
        except AlreadyExists:
            return

    def _hub_licenses(self, ids: Sequence[str]) -> list[HubLicense]:
        """The licences with their words on the hub; what the registry has no profile of has none."""
        return [HubLicense(license_id, self._hub_id(license_id)) for license_id in ids]

    def _hub_id(self, license_id: str) -> str:
        try:
            request = licensing_pb2.GetLicenseRequest(name=f"licenses/{license_id}")
            return self._client.licenses.GetLicense(request).license.hub_id
        except (NotFound, InvalidArgument):
            return ""

    def _teacher_card(self, licenses: Sequence[str]) -> Card:
        recipe = self._recipe
        return Card(
            title=recipe.teacher.display_name,
            summary=f"A tool-calling teacher: a LoRA adapter tuned on {recipe.teacher.data_id}.",
            licenses=self._hub_licenses(licenses),
            base_models=[_public(recipe.teacher.base)],
            relation="adapter",
            datasets=[recipe.teacher.data_id],
            stand_in=recipe.teacher.base.stand_in,
            outcomes=[one for one in self.outcomes if one.subject == "teacher"],
        )

    def _student_card(self, title: str, relation: str) -> Card:
        recipe = self._recipe
        return Card(
            title=title,
            summary=(
                f"A tool-calling student, distilled from verified answers of {recipe.teacher.display_name}: "
                "each answer was executed, and kept when it reached the state that was asked for."
            ),
            licenses=self._hub_licenses(recipe.student.licenses),
            base_models=[_public(recipe.student.base)],
            relation=relation,
            datasets=[recipe.traces_id],
            stand_in=recipe.stand_in,
            scores=[
                one for stage in _SCORING if stage in self._spec.upstream for one in self._run_figures(stage).scores
            ],
            outcomes=[one for one in self.outcomes if one.subject == "student"],
        )

    def _planned_outcomes(self) -> list[run_pb2.LicenseOutcome]:
        """Kept beside the stage: licence data may change between two attempts, what a version is made of must not."""
        path = self._spec.folder / _OUTCOMES
        if not path.exists():
            outcomes, _ = plan_outcomes(self._client, self._recipe)
            write_json(path, _json(run_pb2.Run(license_outcomes=outcomes)))
        return list(ParseDict(json.loads(path.read_text()), run_pb2.Run()).license_outcomes)

    def _figures(self, stage: Stage) -> Mapping[str, Any]:
        result = read_result(self._spec.upstream[stage])
        assert result is not None, "an upstream stage has finished"
        return result.figures

    def _run_figures(self, stage: Stage) -> run_pb2.Run:
        return ParseDict(self._figures(stage)["run"], run_pb2.Run())

    def _output(self, stage: Stage, part: str) -> Path:
        return self._spec.upstream_output(stage) / part

    def _advance(self, name: str) -> None:
        self._done += 1
        self._report(self._done, self._steps, message=name)


def _public(checkpoint: Checkpoint) -> str:
    return checkpoint.catalog_entry or Path(checkpoint.value).name


def _link(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)


def _json(message: run_pb2.Outputs | run_pb2.LicenseOutcome | run_pb2.Run) -> Mapping[str, Any]:
    return MessageToDict(message, preserving_proto_field_name=True)
