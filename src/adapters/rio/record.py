"""What the mock EPR holds: each Task version as it was applied, and what it noticed on the way."""

from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from mappings.systems import REFERENCE_SYSTEM

Verdict = Literal["applied", "repeated", "outdated"]


@dataclass(frozen=True, slots=True)
class Update:
    """One applied version. Times are ISO 8601 in UTC; `lag_ms` is from Task.meta.lastUpdated to arrival here."""

    version: int
    status: str
    business_status: str
    line: str
    received_at: str
    lag_ms: int


@dataclass
class Referral:
    reference: str
    updates: list[Update] = field(default_factory=list)


class Faults(BaseModel):
    """The next `fail_next` updates (of one Task, when `task_id` is given) go wrong, after a wait of `delay_ms`.

    With a `status` that is the answer, an OperationOutcome that tells of an error (inside a 200 too), with
    `retry_after` in seconds beside it; without one the answer is only late.
    `stored` says that the update is applied all the same, so that only its answer is lost.
    """

    model_config = ConfigDict(extra="forbid")

    fail_next: int = Field(ge=0)
    status: int | None = Field(503, ge=200, le=599)
    delay_ms: int = Field(0, ge=0, le=60_000)
    retry_after: int | None = None
    stored: bool = False
    task_id: str | None = None


@dataclass
class Record:
    referrals: dict[str, Referral] = field(default_factory=dict)  # by Task id
    webhook_ids: set[str] = field(default_factory=set)
    repeats: int = 0
    out_of_order: int = 0
    bad_signature: int = 0
    faults: Faults | None = None

    def apply(self, task: dict[str, Any], webhook_id: str) -> Verdict:
        """Keeps a Task version once: a known webhook-id or version again is a repeat, an older version is outdated."""
        update = _read(task)
        referral = self.referrals.setdefault(task["id"], Referral(_reference(task)))
        held = referral.updates[-1].version if referral.updates else 0
        if webhook_id in self.webhook_ids or update.version == held:
            self.repeats += 1
            return "repeated"
        if update.version < held:
            self.out_of_order += 1
            return "outdated"
        self.webhook_ids.add(webhook_id)
        referral.updates.append(update)
        return "applied"

    def next_fault(self, task_id: str) -> Faults | None:
        """The scripted fault that hits this update, counted down."""
        fault = self.faults
        if fault is None or fault.fail_next == 0 or fault.task_id not in (None, task_id):
            return None
        self.faults = fault.model_copy(update={"fail_next": fault.fail_next - 1})
        return fault

    def as_json(self) -> dict[str, Any]:
        return {
            "referrals": {
                referral.reference: [asdict(update) for update in referral.updates]
                for referral in self.referrals.values()
            },
            "repeats": self.repeats,
            "out_of_order": self.out_of_order,
            "bad_signature": self.bad_signature,
        }


def _read(task: dict[str, Any]) -> Update:
    """Raises KeyError, TypeError or ValueError when the Task lacks what an EPR needs to file it."""
    if not isinstance(task["status"], str):
        raise ValueError("status must be a code")
    received = datetime.now(UTC)
    changed = datetime.fromisoformat(task["meta"]["lastUpdated"])
    business = task.get("businessStatus", {})
    coding = (business.get("coding") or [{}])[0]
    notes = [note["text"] for note in task.get("note", [])]
    return Update(
        version=int(task["meta"]["versionId"]),
        status=task["status"],
        business_status=coding.get("code", ""),
        line=notes[-1] if notes else business.get("text", ""),  # the gateway's line for the clinician is the last note
        received_at=received.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        lag_ms=round((received - changed).total_seconds() * 1000),
    )


def _reference(task: dict[str, Any]) -> str:
    values = {name.get("system"): name.get("value") for name in task.get("identifier", [])}
    return str(values.get(REFERENCE_SYSTEM) or task["id"])
