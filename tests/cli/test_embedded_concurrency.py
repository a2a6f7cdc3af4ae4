"""Eight commands at once on one home, fifty mutations each: no lost write, and one valid audit chain."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from cli.embedded import serve
from cli.pages import every
from spiritsafe.client import Client
from spiritsafe.registry.v1 import audit_pb2, model_pb2

PROCESSES = 8
MUTATIONS = 50
PARENT = "namespaces/default"
CREATE_MODELS = f"""
import sys
from cli.session import connect
from spiritsafe.registry.v1 import model_pb2
with connect() as client:
    for number in range({MUTATIONS}):
        request = model_pb2.CreateModelRequest(parent="{PARENT}", model_id=f"m-{{sys.argv[1]}}-{{number}}")
        client.models.CreateModel(request)
"""


def test_eight_at_once(home: Path) -> None:
    # The home does not exist yet: the eight also race to create it.
    started = [
        subprocess.Popen([sys.executable, "-c", CREATE_MODELS, str(index)], stderr=subprocess.PIPE, text=True)
        for index in range(PROCESSES)
    ]
    errors = [process.communicate(timeout=300)[1] for process in started]
    assert [process.returncode for process in started] == [0] * PROCESSES, errors
    with serve(home) as endpoint, Client(endpoint.address, endpoint.token) as client:
        request = model_pb2.ListModelsRequest(parent=PARENT)
        found = {model.name for model in every(client.models.ListModels, request, "models", 10_000)}
        chain = client.audit.VerifyAudit(audit_pb2.VerifyAuditRequest())
    written = {f"{PARENT}/models/m-{index}-{number}" for index in range(PROCESSES) for number in range(MUTATIONS)}
    assert found == written
    assert (chain.verified, chain.events) == (True, 1 + PROCESSES * MUTATIONS)
