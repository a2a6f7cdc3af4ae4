"""A real MCP server: ``python ledger.py [PORT]`` over standard input and output, or over HTTP on this machine."""

from __future__ import annotations

import base64
import os
import socket
import sys

from mcp.server.mcpserver import MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from mcp_types import ImageContent, TextContent

server = MCPServer("ledger", log_level="ERROR")
entries: dict[str, int] = {"opening": int(os.environ.get("SPIRITSAFE_SEED", "0"))}


@server.tool()
def book(account: str, cents: int) -> dict[str, int]:
    """Book an amount to an account."""
    if cents <= 0:
        raise ToolError("an amount is positive")
    entries[account] = entries.get(account, 0) + cents
    return {"balance": entries[account]}


@server.tool(structured_output=False)
def balance(account: str) -> str:
    """The balance of an account, in words."""
    return f"{account} has {entries.get(account, 0)} cents"


@server.tool(structured_output=False)
def receipt(account: str) -> list[TextContent | ImageContent]:
    """A text and a picture."""
    picture = base64.b64encode(b"picture").decode()
    return [
        TextContent(text=f"receipt of {account}"),
        ImageContent(data=picture, mime_type="image/png"),
    ]


@server.tool(structured_output=False)
def environment() -> str:
    """The names of the variables that the server sees."""
    return " ".join(sorted(os.environ))


@server.tool()
def crash() -> str:
    """Ends the server."""
    os._exit(9)


@server.tool()
def connect(port: int) -> str:
    """Connects to a port of this machine."""
    with socket.create_connection(("127.0.0.1", port), timeout=5):
        return "connected"


@server.tool()
def snapshot() -> dict[str, int]:
    """The whole state."""
    return entries


if __name__ == "__main__":
    if len(sys.argv) > 1:
        server.run("streamable-http", host="127.0.0.1", port=int(sys.argv[1]))
    else:
        server.run("stdio")
