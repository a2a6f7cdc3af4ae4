"""``spiritsafe serve`` over TLS, and commands that trust it and show who they are."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from cli import exits
from spiritsafe import AsyncClient
from spiritsafe.registry.v1 import model_pb2
from tests.cli.conftest import Command


class Authority:
    """Signs certificates; everything lies in a folder in PEM form."""

    def __init__(self, folder: Path, name: str) -> None:
        self._folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        self.file = folder / f"{name}.pem"
        self.file.write_bytes(self._signed(self._name, self._key, authority=True).public_bytes(Encoding.PEM))

    def pair(self, name: str) -> tuple[Path, Path]:
        """A certificate for 127.0.0.1 and its key."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        certificate, private = self._folder / f"{name}.crt", self._folder / f"{name}.key"
        certificate.write_bytes(self._signed(subject, key, authority=False).public_bytes(Encoding.PEM))
        private.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        return certificate, private

    def _signed(self, subject: x509.Name, key: ec.EllipticCurvePrivateKey, *, authority: bool) -> x509.Certificate:
        now = datetime.now(UTC)
        builder = x509.CertificateBuilder(self._name, subject, key.public_key(), x509.random_serial_number())
        builder = builder.not_valid_before(now - timedelta(hours=1)).not_valid_after(now + timedelta(hours=1))
        names = x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))])
        builder = builder.add_extension(names, critical=False)
        builder = builder.add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
        return builder.sign(self._key, SHA256())


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path, "authority")


@contextmanager
def served(home: Path, *options: object) -> Iterator[str]:
    """The address of a server, whose owner's token commands send."""
    arguments = ["serve", "--port", "0", "--home", str(home), "--format", "json", *map(str, options)]
    command = [sys.executable, "-m", "cli.main", *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env={**os.environ}) as process:
        try:
            assert process.stdout is not None
            yield json.loads(process.stdout.readline())["address"]
        finally:
            process.kill()


async def models() -> int:
    """How many the asynchronous client finds with the same settings."""
    async with AsyncClient.from_environment() as client:
        answer = await client.models.ListModels(model_pb2.ListModelsRequest(parent="namespaces/default"))
        return len(answer.models)


def test_both_ends_show_certificates(
    home: Path, spiritsafe: Command, authority: Authority, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    certificate, key = authority.pair("server")
    options = ("--tls-cert", certificate, "--tls-key", key, "--tls-client-ca", authority.file)
    with served(home, *options) as address:
        monkeypatch.setenv("SPIRITSAFE_SERVER", address)
        monkeypatch.setenv("SPIRITSAFE_TOKEN", (home / "token").read_text().strip())
        assert spiritsafe("model", "list").code == exits.UNAVAILABLE
        monkeypatch.setenv("SPIRITSAFE_CA_FILE", str(authority.file))
        assert spiritsafe("model", "list").code == exits.UNAVAILABLE
        for variable, file in zip(("CERT", "KEY"), authority.pair("client"), strict=True):
            monkeypatch.setenv(f"SPIRITSAFE_CLIENT_{variable}", str(file))
        assert spiritsafe("model", "list", "--format", "json").data == {"models": []}
        assert asyncio.run(models()) == 0
        # The distillation service reaches the registry without a certificate, on a socket of its own.
        assert spiritsafe("distill", "list", "--format", "json").data == {"runs": []}
        stranger, other = Authority(tmp_path, "stranger").pair("intruder")
        monkeypatch.setenv("SPIRITSAFE_CLIENT_CERT", str(stranger))
        monkeypatch.setenv("SPIRITSAFE_CLIENT_KEY", str(other))
        assert spiritsafe("model", "list").code == exits.UNAVAILABLE


def test_several_processes_serve_with_one_certificate(
    home: Path, spiritsafe: Command, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    certificate, key = authority.pair("server")
    with served(home, "--tls-cert", certificate, "--tls-key", key, "--processes", 2) as address:
        monkeypatch.setenv("SPIRITSAFE_SERVER", address)
        monkeypatch.setenv("SPIRITSAFE_TOKEN", (home / "token").read_text().strip())
        monkeypatch.setenv("SPIRITSAFE_CA_FILE", str(authority.file))
        assert spiritsafe("model", "list").code == exits.DONE


def test_files_that_cannot_be_used_are_named(
    spiritsafe: Command, authority: Authority, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    certificate, key = authority.pair("server")
    _, other = authority.pair("other")
    locked = tmp_path / "locked.key"
    locked.write_bytes(
        ec.generate_private_key(ec.SECP256R1()).private_bytes(
            Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"secret")
        )
    )
    for field, options in (
        ("tls-key", ("--tls-cert", certificate)),
        ("tls-cert", ("--tls-client-ca", authority.file)),
        ("tls-cert", ("--tls-cert", certificate, "--tls-key", other)),
        ("tls-cert", ("--tls-cert", certificate, "--tls-key", tmp_path / "none")),
        ("tls-cert", ("--tls-cert", certificate, "--tls-key", locked)),
        ("tls-client-ca", ("--tls-cert", certificate, "--tls-key", key, "--tls-client-ca", key)),
    ):
        done = spiritsafe("serve", *options, "--format", "json")
        assert (done.code, done.error["violations"][0]["field"]) == (exits.USAGE, field)
    monkeypatch.setenv("SPIRITSAFE_SERVER", "127.0.0.1:1")
    monkeypatch.setenv("SPIRITSAFE_CLIENT_CERT", str(certificate))
    done = spiritsafe("model", "list", "--format", "json")
    assert (done.code, done.error["violations"][0]["field"]) == (exits.USAGE, "client_key")
    monkeypatch.setenv("SPIRITSAFE_CLIENT_KEY", str(tmp_path / "none"))
    done = spiritsafe("model", "list", "--format", "json")
    assert (done.code, done.error["violations"][0]["field"]) == (exits.USAGE, "SPIRITSAFE_CLIENT_KEY")
