"""EvaluationReportService: recording and reading paired evaluations of weights."""

from __future__ import annotations

import grpc
from sqlmodel import Session, col

from registry.context import Registry
from registry.reports.messages import report_messages
from registry.reports.records import get_report, holding_for, record
from registry.services.names import version_of
from registry.storage.audit import Event
from registry.storage.lookup import get_version
from registry.storage.tables import EvaluationReport
from spiritsafe.registry.v1 import evaluation_report_pb2, evaluation_report_pb2_grpc
from spiritsafe.rpc.caller import Caller, current_caller


class EvaluationReportService(evaluation_report_pb2_grpc.EvaluationReportServiceServicer):
    """Counts are stored; every other figure is computed when a report is read."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry

    def CreateEvaluationReport(
        self, request: evaluation_report_pb2.CreateEvaluationReportRequest, context: grpc.ServicerContext
    ) -> evaluation_report_pb2.CreateEvaluationReportResponse:
        subject = version_of(request.parent, "parent")
        response_type = evaluation_report_pb2.CreateEvaluationReportResponse

        def act(session: Session, caller: Caller) -> tuple[evaluation_report_pb2.CreateEvaluationReportResponse, Event]:
            report, event = record(session, caller, subject, request.evaluation_report)
            return response_type(evaluation_report=report_messages(session, [report])[0]), event

        return self._registry.mutate("EvaluationReportService/CreateEvaluationReport", request, response_type, act)

    def GetEvaluationReport(
        self, request: evaluation_report_pb2.GetEvaluationReportRequest, context: grpc.ServicerContext
    ) -> evaluation_report_pb2.GetEvaluationReportResponse:
        with self._registry.database.read() as session:
            (message,) = report_messages(session, [get_report(session, current_caller(), request.name)])
        return evaluation_report_pb2.GetEvaluationReportResponse(evaluation_report=message)

    def ListEvaluationReports(
        self, request: evaluation_report_pb2.ListEvaluationReportsRequest, context: grpc.ServicerContext
    ) -> evaluation_report_pb2.ListEvaluationReportsResponse:
        name = version_of(request.parent, "parent")
        page = self._registry.page(request, "ListEvaluationReports", request.parent)
        with self._registry.database.read() as session:
            query = holding_for(session, *get_version(session, name, "parent"))
            if page.after is not None:
                query = query.where(col(EvaluationReport.id) < page.after)
            rows = session.exec(query.order_by(col(EvaluationReport.id).desc()).limit(page.size + 1)).all()
            kept, token = page.cut(rows, lambda row: row.id or 0)
            messages = report_messages(session, kept)
        return evaluation_report_pb2.ListEvaluationReportsResponse(evaluation_reports=messages, next_page_token=token)
