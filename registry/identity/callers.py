"""Who calls: tokens looked up once, and again as soon as anything in the database has changed.

So a revocation acts on the next call, whichever process recorded it. Where the database cannot say that nothing has
changed, each call looks its token up.
"""

from __future__ import annotations

from typing import NamedTuple

from registry.clock import now
from registry.identity.tokens import Admission, admit, hash_secret
from registry.storage.database import Database
from spiritsafe.rpc.caller import Caller

MAX_REMEMBERED = 10_000


class _Remembered(NamedTuple):
    """An admission, and the database's number of changes from before it was read."""

    admission: Admission
    changes: int


class Callers:
    """The callers of one server."""

    def __init__(self, database: Database) -> None:
        self._database = database
        # By the hash of the secret, so that no secret is kept. Single operations on a dict need no lock.
        self._remembered: dict[str, _Remembered] = {}

    def recall(self, secret: str) -> Caller | None:
        """The caller, if the token was looked up since the last change of the database. Never waits."""
        known = self._remembered.get(hash_secret(secret))
        if known is None or known.changes != self._database.changes():
            return None
        ends = known.admission.expire_time
        return known.admission.caller if ends is None or ends > now() else None

    def authenticate(self, secret: str) -> Caller:
        """Looks the token up. Raises Unauthenticated."""
        changes = self._database.changes()
        with self._database.read() as session:
            admission = admit(session, secret, now())
        if changes is not None:
            if len(self._remembered) >= MAX_REMEMBERED:
                self._remembered.clear()
            self._remembered[hash_secret(secret)] = _Remembered(admission, changes)
        return admission.caller
