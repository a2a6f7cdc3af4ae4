"""A TCP proxy that cuts connections: after a number of bytes, or once the server has done what it was asked for."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import Self

POLL_SECONDS = 0.02
READ_BYTES = 1 << 16


class FaultProxy:
    """Forwards connections to ``target`` (HOST:PORT)."""

    def __init__(self, target: str) -> None:
        host, _, port = target.rpartition(":")
        self._target = (host, int(port))
        self._listening = socket.create_server(("127.0.0.1", 0))
        self._done: Callable[[], bool] | None = None
        self._budget: dict[str, int] = {}
        self._lock = threading.Lock()
        self._closed = False

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self._listening.getsockname()[1]}"

    def swallow_answers_until(self, done: Callable[[], bool]) -> None:
        """From now on no answer passes; once ``done``, every connection that waits for one is cut, once."""
        self._done = done

    def cut_after(self, *, sent: int = 0, received: int = 0) -> None:
        """Cuts once so many more bytes went to the server, or came from it."""
        self._budget = {"sent": sent} if sent else {"received": received}

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closed = True
        self._listening.close()

    def _accept(self) -> None:
        while not self._closed:
            try:
                client, _ = self._listening.accept()
            except OSError:
                return
            try:
                server = socket.create_connection(self._target)
            except OSError:
                client.close()
                continue
            for way, source, target in (("sent", client, server), ("received", server, client)):
                threading.Thread(target=self._pump, args=(way, source, target), daemon=True).start()

    def _pump(self, way: str, source: socket.socket, target: socket.socket) -> None:
        source.settimeout(POLL_SECONDS)
        try:
            while not self._closed:
                if way == "received" and self._done is not None:
                    if self._done():
                        self._done = None
                        break
                    # Held back for good: what the server says after this is lost.
                    with suppress(TimeoutError):
                        if not source.recv(READ_BYTES):
                            break
                    continue
                try:
                    data = source.recv(READ_BYTES)
                except TimeoutError:
                    continue
                if not data or self._spent(way, len(data)):
                    break
                if way == "received" and self._done is not None:
                    continue
                target.sendall(data)
        except OSError:
            pass
        finally:
            for each in (source, target):
                with suppress(OSError):
                    each.shutdown(socket.SHUT_RDWR)
                each.close()

    def _spent(self, way: str, count: int) -> bool:
        with self._lock:
            if way not in self._budget:
                return False
            self._budget[way] -= count
            if self._budget[way] > 0:
                return False
            del self._budget[way]
            return True
