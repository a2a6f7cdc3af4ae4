"""``spiritsafe token``."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Annotated

import typer

from cli import output
from cli.lazy import app as new_app
from cli.options import FormatOption, LimitOption
from cli.output import Format
from cli.pages import every
from cli.session import connect
from spiritsafe.registry.v1 import identity_pb2

COLUMNS = ("name", "identity", "roles", "namespaces", "create_time", "expire_time", "revoke_time")


class RoleName(StrEnum):
    """What a token may do."""

    READER = "reader"
    PUBLISHER = "publisher"
    REVIEWER = "reviewer"
    RELEASER = "releaser"
    ADMIN = "admin"


app = new_app("API tokens. The registry keeps only their hashes.")


@app.command("create")
def create(
    identity: Annotated[str, typer.Argument(help="Whom it stands for, e.g. ada@example.com.")],
    role: Annotated[list[RoleName], typer.Option(help="A role; repeatable.")],
    namespace: Annotated[
        list[str] | None, typer.Option(help="A namespace that the roles hold in; all when left out; repeatable.")
    ] = None,
    expire_days: Annotated[int, typer.Option(min=0, help="Days until it ends; 0 for never.")] = 0,
    form: FormatOption = Format.TABLE,
) -> None:
    """Make a token. Its secret is printed now and never again.

    Example: spiritsafe token create bob@example.com --role reviewer --expire-days 90
    """
    token = identity_pb2.Token(identity=identity, roles=role, namespaces=namespace or [])
    if expire_days:
        token.expire_time.FromDatetime(datetime.now(UTC) + timedelta(days=expire_days))
    with connect() as client:
        output.print_one(form, client.identity.CreateToken(identity_pb2.CreateTokenRequest(token=token)))


@app.command("list")
def list_tokens(limit: LimitOption = 100, form: FormatOption = Format.TABLE) -> None:
    """List tokens, without their secrets.

    Example: spiritsafe token list
    """
    with connect() as client:
        found = every(client.identity.ListTokens, identity_pb2.ListTokensRequest(), "tokens", limit)
        output.print_list(form, "tokens", found, COLUMNS)


@app.command("revoke")
def revoke(
    token: Annotated[str, typer.Argument(help="Id of the token, as `token list` shows it.")],
    form: FormatOption = Format.TABLE,
) -> None:
    """End a token at once.

    Example: spiritsafe token revoke 4f1c
    """
    name = f"tokens/{token.removeprefix('tokens/')}"
    with connect() as client:
        request = identity_pb2.RevokeTokenRequest(name=name)
        output.print_one(form, client.identity.RevokeToken(request).token)
