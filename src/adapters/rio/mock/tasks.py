"""The FHIR Tasks the mock holds: each version as it was applied, and what it noticed on the way."""

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

import orjson

from adapters.rio.mock.contract import in_utc
from adapters.rio.mock.store import Row, Store
from mappings.systems import REFERENCE_SYSTEM

TOLD = (  # all but Body, which is long
    "TaskId, Version, Reference, Patient, WebhookId, Status, BusinessStatus, Line, ReceivedAt, LagMs, Provenance"
)

Verdict = Literal["applied", "repeated", "outdated", "mismatched"]


@dataclass(frozen=True, slots=True)
class Update:
    """One version on its way in. `lag_ms` is from Task.meta.lastUpdated to arrival here."""

    task_id: str
    reference: str
    patient: str  # an identifier's value or, without one, the id of the Patient
    version: int
    status: str
    business_status: str
    line: str
    received_at: datetime
    lag_ms: int


def read_update(task: dict[str, Any]) -> Update:
    """Raises KeyError, TypeError, AttributeError or ValueError when the Task lacks what an EPR needs to file it."""
    if not isinstance(task["status"], str):
        raise ValueError("status must be a code")
    version = int(task["meta"]["versionId"])
    if not 0 < version < 2**63:
        raise ValueError("versionId must be a number that can be counted on from")
    received = datetime.now(UTC)
    changed = datetime.fromisoformat(task["meta"]["lastUpdated"])
    business = task.get("businessStatus", {})
    coding = (business.get("coding") or [{}])[0]
    notes = [note["text"] for note in task.get("note", [])]
    return Update(
        task_id=task["id"],
        reference=_reference(task),
        patient=_patient(task.get("for", {})),
        version=version,
        status=task["status"],
        business_status=str(coding.get("code", "")),
        line=str(
            notes[-1] if notes else business.get("text", "")
        ),  # the gateway's line for the clinician is the last note
        received_at=received,
        lag_ms=round((received - changed).total_seconds() * 1000),
    )


def _reference(task: dict[str, Any]) -> str:
    values = {name.get("system"): name.get("value") for name in task.get("identifier", [])}
    return str(values.get(REFERENCE_SYSTEM) or task["id"])


def _patient(subject: dict[str, Any]) -> str:
    identifier = subject.get("identifier", {}).get("value")
    return str(identifier or subject.get("reference", "").rpartition("/")[2])


def apply(
    store: Store, update: Update, body: bytes, webhook_id: str, match: int | None, provenance: str | None
) -> Verdict:
    """Keeps a version once: a known webhook-id or version again is a repeat, an older version is outdated.

    With `match` the version must come after that one. For use inside a transaction.
    """
    held = newest_version(store, update.task_id)
    known = store.one("SELECT 1 FROM TaskVersion WHERE WebhookId = ?", webhook_id)
    if known or update.version == held:
        store.count("repeats")
        return "repeated"
    if match is not None and match != held:
        return "mismatched"
    if update.version < held:
        store.count("out_of_order")
        return "outdated"
    at = in_utc(update.received_at)
    row = {"TaskId": update.task_id, "Version": update.version, "Reference": update.reference, "WebhookId": webhook_id}
    row["Patient"] = update.patient
    row |= {"Status": update.status, "BusinessStatus": update.business_status, "Line": update.line, "ReceivedAt": at}
    store.insert("TaskVersion", row | {"LagMs": update.lag_ms, "Provenance": provenance, "Body": body.decode()})
    target = f"Task/{update.task_id}/{update.version}"
    store.note_effect(at, "put-task", target, webhook_id, hashlib.sha256(body).hexdigest())
    return "applied"


def newest_version(store: Store, task_id: str) -> int:
    """0 when none is held."""
    held = store.one("SELECT max(Version) AS Version FROM TaskVersion WHERE TaskId = ?", task_id) or {}
    return held["Version"] or 0


def newest_task(store: Store, task_id: str) -> Row | None:
    return store.one("SELECT * FROM TaskVersion WHERE TaskId = ? ORDER BY Version DESC LIMIT 1", task_id)


def by_referral(store: Store) -> dict[str, list[Row]]:
    """The versions of each Task, oldest first, by Task id in the order in which they were first told of."""
    found: dict[str, list[Row]] = {}
    for row in store.all(f"SELECT {TOLD} FROM TaskVersion ORDER BY rowid"):  # noqa: S608 - the columns above
        found.setdefault(row["TaskId"], []).append(row)
    return found


def record(store: Store) -> dict[str, Any]:
    """What GET /record answers."""
    noticed = {row["Name"]: row["Number"] for row in store.all("SELECT * FROM Noticed")}
    return {
        "referrals": {rows[0]["Reference"]: [_told(row) for row in rows] for rows in by_referral(store).values()}
    } | {name: noticed.get(name, 0) for name in ("repeats", "out_of_order", "bad_signature")}


def _told(row: Row) -> dict[str, Any]:
    return {
        "version": row["Version"],
        "status": row["Status"],
        "business_status": row["BusinessStatus"],
        "line": row["Line"],
        "received_at": row["ReceivedAt"],
        "lag_ms": row["LagMs"],
        "webhook_id": row["WebhookId"],
        "provenance": row["Provenance"] and orjson.loads(row["Provenance"]),
    }
