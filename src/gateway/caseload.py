"""A team's referrals as its members see them: what needs them first, then what is overdue at the hub, then the rest."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from sqlalchemy import RowMapping

from gateway.ids import instant, now
from gateway.store.engine import Store
from gateway.store.referrals import bare_standing, load_rows
from gateway.store.teams import Team, count_by_status, may_press, others
from gateway.store.viewing import content_of
from mappings.clinician import ENDED, UK, uk_moment
from mappings.view.caseload import REMEMBERED, WHYS, Line, line_of, rank_of

Json = dict[str, Any]

PAGE = 25  # lines of one page
MOST = 150  # rows that are looked at for what presses
YOURS = "yours"
GROUPS = {  # of statuses, as one can choose them
    "new": ("submitted", "delivery-failed", "received", "info-requested", "accepted"),
    "support": ("allocated", "contacting", "engaged", "in-support"),
    "paused": ("on-hold",),
    "ended": tuple(sorted(ENDED - {"entered-in-error"})),
}


@dataclass(frozen=True, slots=True)
class Caseload:
    """One page of `lines`, as of `at`. `counts` are the referrals of each group, and of all (""); `pressing` those
    that need the referrer or are overdue, `cut` when there may be more of them than were looked at."""

    at: datetime
    lines: list[Line]
    counts: dict[str, int]
    page: int
    pages: int
    yours: int
    overdue: int
    cut: bool


async def read_caseload(store: Store, team: Team, group: str, page: int) -> Caseload:
    """`group` is one of GROUPS, YOURS, or "" for all; `page` from 1."""
    at = now()
    today = uk_moment(instant(at)).date()
    statuses = GROUPS.get(group, ())
    start = (page - 1) * PAGE
    async with store.reading() as connection:
        by_status = await count_by_status(connection, team)
        midnight = datetime.combine(today, time(), UK).astimezone(UTC)
        looked = await may_press(connection, team, statuses, midnight - REMEMBERED - timedelta(days=1), midnight, MOST)
        pressing = sorted((key, row["id"]) for row in looked if (key := _pressing(row, today)))
        ids = [id_ for key, id_ in pressing if group != YOURS or key[0] == 0]
        rows = {row["id"]: row for row in looked}
        chosen = [rows[id_] for id_ in ids[start : start + PAGE]]
        if group != YOURS and len(chosen) < PAGE:
            offset = max(0, start - len(ids))
            chosen += await others(connection, team, statuses, ids, offset, PAGE - len(chosen))
        stored = await load_rows(connection, chosen)
    counts = {name: sum(by_status.get(one, 0) for one in those) for name, those in GROUPS.items()}
    total = len(ids) if group == YOURS else counts[group] if group else sum(by_status.values())
    return Caseload(
        at,
        [line_of(one.standing.model_dump(), content_of(one.row), today) for one in stored],
        counts | {"": sum(by_status.values())},
        page,
        max(1, -(-total // PAGE)),
        sum(key[0] == 0 for key, _ in pressing),
        sum(key[0] == 1 for key, _ in pressing),
        len(looked) == MOST,
    )


def _pressing(row: RowMapping, today: date) -> tuple[int, int, str] | None:
    """What it is sorted by: yours before overdue, the most pressing reason, and what waits the longest."""
    standing, content = bare_standing(row).model_dump(), content_of(dict(row))
    denied = (content.get("consent") or {}).get("decision") == "deny"
    hidden = bool(standing.get("consent_refused_at") or denied or content["person"].get("sensitive"))
    rank, why = rank_of(standing, today, hidden=hidden)
    if rank == "other":
        return None
    if rank == "overdue":
        return 1, 0, instant(row["submitted_at"])
    return 0, list(WHYS).index(why or ""), instant(row["updated_at"])
