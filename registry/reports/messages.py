"""Reports in the words of the contract."""

from __future__ import annotations

from collections.abc import Sequence

from sqlmodel import Session

from registry.clock import to_timestamp
from registry.reports.figures import with_figures
from registry.storage.lookup import names_of
from registry.storage.tables import EvaluationReport
from spiritsafe.registry.v1 import evaluation_report_pb2
from spiritsafe.rpc.names import EvaluationReportName


def report_messages(session: Session, rows: Sequence[EvaluationReport]) -> list[evaluation_report_pb2.EvaluationReport]:
    """In the order of ``rows``, with all figures."""
    names = names_of(session, {id_ for row in rows for id_ in (row.version_id, row.baseline_id, row.dataset_id)})
    return [
        evaluation_report_pb2.EvaluationReport(
            name=str(EvaluationReportName(names[row.version_id], row.uid)),
            baseline=str(names[row.baseline_id]),
            dataset=str(names[row.dataset_id]),
            categories=map(with_figures, row.categories),
            weights_sha256=row.weights_sha256,
            creator=row.creator,
            create_time=to_timestamp(row.create_time),
        )
        for row in rows
    ]
