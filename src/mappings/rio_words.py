"""A Task and its Referral in the words that a record needs: who, when, what was sent, what came of it. Pure."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from mappings.clinician import uk_date, uk_moment
from mappings.systems import REFERENCE_SYSTEM
from mappings.to_task import GATEWAY
from mappings.translate import vocabulary

Json = dict[str, Any]

NOT_XML = re.compile("[^\t\n\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")  # XML 1.0, production [2] Char
# What a prescription came to when it did not help, or did not go ahead.
DID_NOT_WORK = frozenset({"declined-by-provider", "declined-by-person", "at-capacity", "not-started", "ended-early"})
NOT_ISSUED = frozenset({"proposed", "declined-by-person"})
CONSENT = {"permit": "given", "deny": "refused", "not-asked": "not asked"}


@dataclass(frozen=True, slots=True)
class Prescribed:
    """A social prescription as its Task.output says; `what` are its categories, `came_to` its status and the reason."""

    id: str
    what: str
    where: str
    status: str
    came_to: str
    sessions: str | None = None


@dataclass(frozen=True, slots=True)
class Score:
    """One result of an outcome measure; `taken` says when: "at the start (6 February 2026)"."""

    tool: str
    taken: str
    value: float


def plain(text: str) -> str:
    """The text as XML can carry it, with the line ends that XML has."""
    return NOT_XML.sub("\ufffd", text.replace("\r\n", "\n").replace("\r", "\n"))


def reference_of(task: Json) -> str:
    """The gateway's reference of the referral. Raises KeyError when the Task is none of the gateway's."""
    values = {one.get("system"): one["value"] for one in task.get("identifier", []) if "value" in one}
    return str(values[REFERENCE_SYSTEM])


def line_of(task: Json) -> str:
    """The gateway's line for the clinician."""
    lines = [note["text"] for note in task.get("note", []) if note.get("authorString") == GATEWAY]
    return str(lines[-1])


def uk_time(moment: str) -> str:
    """2 February 2026 at 9:15am."""
    at = uk_moment(moment)
    return f"{uk_date(moment)} at {f'{at:%I:%M%p}'.lstrip('0').lower()}"


def words_of(task: Json, code: str) -> str | None:
    """The text of the output with this code (`task-output`); None when there is none, or it is blank."""
    texts = (one.get("valueString", "").strip() for one in outputs_of(task, code))
    return next((text for text in texts if text), None)


def outputs_of(task: Json, code: str) -> list[Json]:
    ours = (vocabulary("task-output").url, code)
    return [
        one
        for one in task.get("output", [])
        if any((coding.get("system"), coding.get("code")) == ours for coding in one["type"].get("coding", []))
    ]


def prescribed(task: Json) -> list[Prescribed]:
    """The prescriptions as they stand, in the order they were issued."""
    sessions = {str(one.get("id")).removesuffix("-sessions"): one for one in outputs_of(task, "sessions-attended")}
    return [_prescribed(one, sessions.get(one["id"])) for one in outputs_of(task, "social-prescription")]


def _prescribed(output: Json, sessions: Json | None) -> Prescribed:
    value = output["valueCodeableConcept"]
    status = value["coding"][0]["code"]
    words = vocabulary("prescription-status").display(status).lower()
    where, _, reason = value["text"].partition(f": {words}")
    return Prescribed(
        id=output["id"],
        what=output["type"]["text"].removeprefix("Social prescription: "),
        where=where,
        status=status,
        came_to=f"{words}{reason}",
        sessions=_sessions(sessions) if sessions else None,
    )


def _sessions(output: Json) -> str:
    if ratio := output.get("valueRatio"):
        return f"{ratio['numerator']['value']} of {ratio['denominator']['value']}"
    return str(output["valueQuantity"]["value"])


def scores_of(task: Json) -> list[list[Score]]:
    """For each measure its first result, and its last when there is more than one."""
    tools: dict[str, list[Score]] = {}
    for output in outputs_of(task, "measure"):
        tool, _, taken = output["type"]["text"].partition(", ")
        tools.setdefault(tool, []).append(Score(tool, taken, output["valueQuantity"]["value"]))
    return list(tools.values())


def referral_lines(referral: Json) -> Iterator[str]:
    """What the clinician sent, a line for each part of it. Where the person lives or is reached stays out of it."""
    yield f"Urgency: {vocabulary('urgency').display(referral['urgency']).lower()}."
    yield f"Reasons: {'; '.join(map(_reason, referral.get('reasons') or [])) or 'none given'}."
    if matters := referral.get("what_matters"):
        yield f"What matters to the person: {matters}"
    if presenting := referral.get("presenting_text"):
        yield f"What the referrer wrote: {presenting}"
    yield risk_line(referral)
    if consent := referral.get("consent"):
        basis = f" ({consent['basis']})" if consent.get("basis") else ""
        yield f"Consent to the referral: {CONSENT[consent['decision']]}{basis}."
    yield f"Referred by {referrer_of(referral)}."
    if reply := referral.get("return_response_to"):
        yield f"Reply to: {reply}."


def _reason(reason: Json) -> str:
    main = " (main reason)" if reason.get("primary") else ""
    more = reason.get("text") not in {None, reason["label"]}
    return f"{reason['label']}{main}" + (f": {reason['text']}" if more else "")


def risk_line(referral: Json) -> str:
    """The risks that were shared, or that none were: PRSB wants risks said either way."""
    risks = [one["text"] for one in referral.get("risks") or []]
    return (
        f"Risks shared with the referral: {'; '.join(risks)}" if risks else "Risks: none were sent with the referral."
    )


def referrer_of(referral: Json) -> str:
    referrer = referral["referrer"]
    parts = [referrer.get("name"), referrer.get("role"), referrer.get("team"), referrer["organisation"].get("name")]
    return ", ".join(part for part in parts if part) or "the referrer"
