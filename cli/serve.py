"""``spiritsafe serve``."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import sys
from contextlib import ExitStack, closing
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import typer

from cli import output
from cli.fleet import Fleet, member_command, reserved_port
from cli.home import home_folder
from cli.lazy import app as new_app
from cli.options import FormatOption, HomeOption
from cli.output import Format
from cli.tls import ServerTls, server_tls

GRACE_SECONDS = 30.0

app = new_app(no_args_is_help=False)


@app.command()
def serve(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port; 0 for a free one.")] = 8642,
    home: HomeOption = None,
    demo: Annotated[bool, typer.Option("--demo", help="Create a demo registry, which takes stand-ins.")] = False,
    processes: Annotated[
        int, typer.Option("--processes", min=1, help="Server processes that share the port: about one a core.")
    ] = 1,
    tls_cert: Annotated[Path | None, typer.Option("--tls-cert", help="The server's certificate (PEM): TLS.")] = None,
    tls_key: Annotated[Path | None, typer.Option("--tls-key", help="The key of that certificate (PEM).")] = None,
    tls_client_ca: Annotated[
        Path | None, typer.Option("--tls-client-ca", help="Serve only clients whose certificate this one signed (PEM).")
    ] = None,
    member: Annotated[bool, typer.Option("--member", hidden=True, help="One process of several.")] = False,
    form: FormatOption = Format.TABLE,
) -> None:
    """Serve the registry and the distillation service until SIGTERM or SIGINT, then drain.

    With several processes, SIGHUP replaces them one after the other, so that the service goes on. Clients of a server
    with TLS set SPIRITSAFE_CA_FILE; where it asks who calls, SPIRITSAFE_CLIENT_CERT and SPIRITSAFE_CLIENT_KEY too.

    Example: spiritsafe serve --port 8642 --home /srv/spiritsafe --processes 4
    """
    folder = home_folder(home)
    tls = server_tls(tls_cert, tls_key, tls_client_ca)
    if processes > 1:
        asyncio.run(_serve_together(folder, host, port, demo, processes, tls, form))
    else:
        asyncio.run(_serve(folder, f"{host}:{port}", demo, tls, form, member))


async def _serve_together(
    home: Path, host: str, port: int, demo: bool, processes: int, tls: ServerTls | None, form: Format
) -> None:
    from registry.home import open_home

    # Once, before any of the processes: what is wrong with the home is told once.
    open_home(home, demo=demo or None, embedded=False).database.close()
    stop, replace = asyncio.Event(), asyncio.Event()
    _on_signals(stop, signal.SIGINT, signal.SIGTERM)
    _on_signals(replace, signal.SIGHUP)
    with reserved_port(host, port) as shared:
        fleet = Fleet(member_command(home, host, shared, tls.options() if tls else ()), processes)
        await fleet.start()
        _announce(fleet.announced, tls, form)
        replacing = asyncio.create_task(_replace_when_asked(fleet, replace))
        await stop.wait()
        replacing.cancel()
        await fleet.stop()


async def _replace_when_asked(fleet: Fleet, asked: asyncio.Event) -> None:
    while True:
        await asked.wait()
        asked.clear()
        await fleet.replace()


def _on_signals(event: asyncio.Event, *numbers: signal.Signals) -> None:
    for number in numbers:
        asyncio.get_running_loop().add_signal_handler(number, event.set)


def _on_end_of_input(event: asyncio.Event) -> None:
    """Sets the event when whoever holds the other end of standard input is gone."""

    def read() -> None:
        if not os.read(sys.stdin.fileno(), 1024):
            asyncio.get_running_loop().remove_reader(sys.stdin.fileno())
            event.set()

    asyncio.get_running_loop().add_reader(sys.stdin.fileno(), read)


async def _serve(home: Path, address: str, demo: bool, tls: ServerTls | None, form: Format, member: bool) -> None:
    from cli.embedded import Endpoint, distillation_service, has_distillation, owner_token
    from registry.home import TOKEN_FILE, open_home
    from registry.server import RegistryServer

    stop = asyncio.Event()
    if member:
        # A terminal sends SIGINT to all of them: how to end is for the process that started this one to say.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        _on_end_of_input(stop)
        _on_signals(stop, signal.SIGTERM)
    else:
        _on_signals(stop, signal.SIGINT, signal.SIGTERM)
    # None opens a home of either kind.
    registry = open_home(home, demo=demo or None, embedded=False)
    with closing(registry.database), ExitStack() as stack:
        bound = private = ""
        if tls:
            folder = stack.enter_context(TemporaryDirectory(prefix="spiritsafe-"))
            private = f"unix:{folder}/socket"
        services = []
        if has_distillation():
            services.append(distillation_service(home, lambda: Endpoint(private or bound, owner_token(home)), stack))
        else:
            output.notices().print(
                "[yellow]Note:[/] the registry only; the extra `service` adds the distillation service"
            )
        server = RegistryServer(registry, services=services, shared_port=member)
        bound = await server.start(address, tls.credentials() if tls else None, private_socket=private)
        # What is loaded by now stays for good: a full collection need not walk it while clients wait.
        gc.freeze()
        _announce({"address": bound, "home": str(home), "token_file": str(home / TOKEN_FILE)}, tls, form)
        await stop.wait()
        await server.stop(GRACE_SECONDS)


def _announce(data: dict[str, str], tls: ServerTls | None, form: Format) -> None:
    if form is Format.JSON:
        output.print_json(data)
        return
    console = output.console()
    console.print(
        f"Serving [bold]{data['address']}[/] from {data['home']}; the owner's token is in {data['token_file']}"
    )
    authority = " SPIRITSAFE_CA_FILE=CA.pem" if tls else ""
    console.print(
        f'Clients: SPIRITSAFE_SERVER={data["address"]} SPIRITSAFE_TOKEN="$(cat {data["token_file"]})"{authority}'
    )
