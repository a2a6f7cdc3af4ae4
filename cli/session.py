"""How a command reaches the services: a configured server, else an embedded one over the home folder."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from cli.embedded import Endpoint, serve
from cli.home import home_folder
from spiritsafe.client import SERVER_VARIABLE, TOKEN_VARIABLE, Client


def is_remote() -> bool:
    """Whether a server is configured."""
    return bool(os.environ.get(SERVER_VARIABLE))


@contextmanager
def endpoint(home: Path | None = None, *, distillation: bool = False) -> Iterator[Endpoint]:
    """The server in ``$SPIRITSAFE_SERVER``, else an embedded one over the home folder for the length of the context.

    ``$SPIRITSAFE_TOKEN`` says who is calling; embedded, the owner's token is used where it is not set, and the
    distillation service, which takes a while to load, is there only where it is asked for.
    """
    token = os.environ.get(TOKEN_VARIABLE, "")
    if is_remote():
        yield Endpoint(os.environ[SERVER_VARIABLE], token)
        return
    with serve(home_folder(home), distillation=distillation) as embedded:
        yield replace(embedded, token=token or embedded.token)


@contextmanager
def connect(home: Path | None = None, *, distillation: bool = False) -> Iterator[Client]:
    """A client of ``endpoint()``."""
    if is_remote():
        with Client.from_environment() as client:
            yield client
        return
    with endpoint(home, distillation=distillation) as where, Client(where.address, where.token) as client:
        yield client
