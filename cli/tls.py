"""Certificates of ``spiritsafe serve``."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from cli.options import invalid

if TYPE_CHECKING:
    import grpc


@dataclass(frozen=True, slots=True)
class ServerTls:
    """Files in PEM form. With ``client_ca`` only clients are served whose certificate that authority signed."""

    certificate: Path
    key: Path
    client_ca: Path | None = None

    def credentials(self) -> grpc.ServerCredentials:
        import grpc

        pair = (self.key.read_bytes(), self.certificate.read_bytes())
        authority = self.client_ca.read_bytes() if self.client_ca else None
        return grpc.ssl_server_credentials([pair], authority, require_client_auth=authority is not None)

    def options(self) -> list[str]:
        """The command line that gives the same."""
        client_ca = ["--tls-client-ca", str(self.client_ca)] if self.client_ca else []
        return ["--tls-cert", str(self.certificate), "--tls-key", str(self.key), *client_ca]


def server_tls(certificate: Path | None, key: Path | None, client_ca: Path | None) -> ServerTls | None:
    """None without any file. Raises InvalidArgument, naming the option, for files that cannot be used."""
    if certificate is None and key is None and client_ca is None:
        return None
    if certificate is None or key is None:
        missing = "tls-cert" if certificate is None else "tls-key"
        raise invalid(missing, "TLS needs the server's certificate and its key", "give --tls-cert and --tls-key")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        # Without a password of its own OpenSSL would ask the terminal for that of an encrypted key.
        context.load_cert_chain(certificate, key, password="")
    except OSError as error:
        raise invalid(
            "tls-cert", f"{certificate} and {key} cannot be used: {error}", "name a pair in PEM form"
        ) from error
    if client_ca is not None:
        try:
            context.load_verify_locations(client_ca)
        except OSError as error:
            raise invalid("tls-client-ca", f"{client_ca} cannot be used: {error}", "name a file in PEM form") from error
    return ServerTls(certificate, key, client_ca)
