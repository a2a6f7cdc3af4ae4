"""``spiritsafe serve``."""

from __future__ import annotations

import asyncio
import gc
import signal
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Annotated

import typer

from cli import output
from cli.home import home_folder
from cli.lazy import app as new_app
from cli.options import FormatOption, HomeOption
from cli.output import Format

GRACE_SECONDS = 30.0

app = new_app(no_args_is_help=False)


@app.command()
def serve(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port; 0 for a free one.")] = 8642,
    home: HomeOption = None,
    demo: Annotated[bool, typer.Option("--demo", help="Create a demo registry, which takes stand-ins.")] = False,
    form: FormatOption = Format.TABLE,
) -> None:
    """Serve the registry and the distillation service until SIGTERM or SIGINT, then drain.

    Example: spiritsafe serve --port 8642 --home /srv/spiritsafe
    """
    asyncio.run(_serve(home_folder(home), f"{host}:{port}", demo, form))


async def _serve(home: Path, address: str, demo: bool, form: Format) -> None:
    from cli.embedded import Endpoint, distillation_service, has_distillation, owner_token
    from registry.home import TOKEN_FILE, open_home
    from registry.server import RegistryServer

    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    # None opens a home of either kind.
    registry = open_home(home, demo=demo or None, embedded=False)
    with closing(registry.database), ExitStack() as stack:
        bound = ""
        services = []
        if has_distillation():
            services.append(distillation_service(home, lambda: Endpoint(bound, owner_token(home)), stack))
        else:
            output.notices().print(
                "[yellow]Note:[/] the registry only; the extra `service` adds the distillation service"
            )
        server = RegistryServer(registry, services=services)
        bound = await server.start(address)
        # What is loaded by now stays for good: a full collection need not walk it while clients wait.
        gc.freeze()
        _announce({"address": bound, "home": str(home), "token_file": str(home / TOKEN_FILE)}, form)
        await stop.wait()
        await server.stop(GRACE_SECONDS)


def _announce(data: dict[str, str], form: Format) -> None:
    if form is Format.JSON:
        output.print_json(data)
        return
    console = output.console()
    console.print(
        f"Serving [bold]{data['address']}[/] from {data['home']}; the owner's token is in {data['token_file']}"
    )
    console.print(f'Clients: SPIRITSAFE_SERVER={data["address"]} SPIRITSAFE_TOKEN="$(cat {data["token_file"]})"')
