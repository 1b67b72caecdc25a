"""How far what is shown here has come to where else it is read: the record systems of the clinician's organisation."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

Row = Mapping[str, Any]

KINDS = {
    "rio": "RiO",
    "bars-message": "The record system (BaRS)",
    "fhir-callback": "The record system (FHIR)",
    "fhir-subscription": "The record system (FHIR subscription)",
}


@dataclass(frozen=True, slots=True)
class Copy:
    """One record system that hears of a referral. `at`: when it had the last version that it has; `behind_since`: since
    when it lacks something; `is_late`: for too long, or it is not tried any more."""

    name: str
    at: datetime | None
    version: int | None
    behind_since: datetime | None
    is_late: bool


def copies_of(deliveries: Iterable[Row], kinds: Mapping[str, str], before: datetime) -> list[Copy]:
    """One for each destination in `kinds` (id -> kind). `deliveries` have destination_id, number, state, created_at and
    delivered_at; what is undelivered and older than `before` is late."""
    rows = list(deliveries)
    named = {id_: KINDS.get(kind, "The record system") for id_, kind in kinds.items()}
    twice = {name for name in named.values() if list(named.values()).count(name) > 1}
    return [
        _copy(
            f"{name} ({id_})" if name in twice else name, [one for one in rows if one["destination_id"] == id_], before
        )
        for id_, name in sorted(named.items())
    ]


def _copy(name: str, rows: Sequence[Row], before: datetime) -> Copy:
    had = [one for one in rows if one["delivered_at"]]
    last = max(had, key=lambda one: one["number"], default=None)
    lacking = [one for one in rows if one["state"] in ("due", "dead")]
    late = any(one["state"] == "dead" or one["created_at"] <= before for one in lacking)
    return Copy(
        name,
        last["delivered_at"] if last else None,
        last["number"] if last else None,
        min((one["created_at"] for one in lacking), default=None),
        late,
    )
