"""The number of the state of all licence data, and what a change of it reaches.

Every change advances the number in its own transaction, so that no verdict from before it is served, and queues the
re-evaluation of the stored verdicts that it may have changed (registry.reevaluation).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import sqlalchemy
from sqlmodel import Session, col

from registry.clock import now
from registry.storage.audit import next_sequence
from registry.storage.tables import Reevaluation, Setting

_EPOCH = "licence_epoch"
# For statements that want it beside their rows.
EPOCH_VALUE = sqlalchemy.select(col(Setting.value)).where(col(Setting.key) == _EPOCH).scalar_subquery()
_CURRENT = sqlalchemy.select(EPOCH_VALUE)


@dataclass(frozen=True, slots=True)
class Reach:
    """The versions whose verdict a change may have changed; naming too many costs time, too few would miss some.

    They are all finalized ones with ``everything``, else those that hold the licence, the versions of the models or
    datasets (row ids), and the versions themselves (row ids), with ``descend`` together with all that descends from
    them.
    """

    license: str = ""
    node_ids: tuple[int, ...] = ()
    version_ids: tuple[int, ...] = ()
    descend: bool = True
    everything: bool = False

    def to_json(self) -> dict[str, Any]:
        """A JSON object; ``from_json`` reads it back."""
        return asdict(self) | {"node_ids": list(self.node_ids), "version_ids": list(self.version_ids)}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Reach:
        return cls(
            value.get("license", ""),
            tuple(value.get("node_ids", ())),
            tuple(value.get("version_ids", ())),
            value.get("descend", True),
            value.get("everything", False),
        )


EVERYTHING = Reach(everything=True)


def current_epoch(session: Session) -> int:
    """The number of the state of all licence data, 1 in a new registry."""
    return epoch_of(session.execute(_CURRENT).scalar())


def epoch_of(value: str | None) -> int:
    """The number from what ``EPOCH_VALUE`` gives."""
    return int(value) if value else 1


def bump_epoch(session: Session, reach: Reach = EVERYTHING) -> int:
    """Advances the epoch in the transaction that changes licence data; gives the new number.

    Queues the re-evaluation of what the change reaches, caused by the audit event that the transaction writes next.
    """
    setting = session.get(Setting, _EPOCH) or Setting(key=_EPOCH, value="1")
    setting.value = str(int(setting.value) + 1)
    session.add(setting)
    queue_reevaluation(session, reach, next_sequence(session))
    session.flush()
    return int(setting.value)


def queue_reevaluation(session: Session, reach: Reach, cause_sequence: int) -> None:
    """Queues a re-evaluation that the audit event of that sequence caused."""
    session.add(
        Reevaluation(
            cause_sequence=cause_sequence, epoch=current_epoch(session), reach=reach.to_json(), create_time=now()
        )
    )
