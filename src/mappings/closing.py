"""The closing summary that is filed in the record, after the message back of the Social Prescribing Information
Standard v1.1 (PRSB): the actions asked of the referrer stand first and are never blank. Pure."""

from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from mappings.clinician import uk_date
from mappings.rio_words import (
    DID_NOT_WORK,
    NOT_ISSUED,
    Score,
    plain,
    prescribed,
    reference_of,
    referral_lines,
    risk_line,
    scores_of,
    uk_time,
    words_of,
)

Json = dict[str, Any]

NO_ACTIONS = "The hub has stated no actions. Phone the hub if you are not sure whether you have to act."

pages = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


def closing_summary(task: Json, referral: Json, title: str) -> bytes:
    """The document as HTML in UTF-8, from the Task of a closed referral and its Referral."""
    prescriptions = prescribed(task)
    period = task.get("executionPeriod", {})
    page = pages.get_template("closing.html").render(
        title=title,
        reference=reference_of(task),
        version=task["meta"]["versionId"],
        written=uk_time(task["meta"]["lastUpdated"]),
        actions=words_of(task, "actions-for-referrer") or NO_ACTIONS,
        outcome=task["businessStatus"]["text"],
        summary=words_of(task, "closing-summary"),
        hub=task["owner"]["display"],
        first_contact=uk_date(period["start"]) if "start" in period else None,
        scores=[(taken[0], taken[-1], _change(taken)) for taken in scores_of(task)],
        signposts=[one for one in prescriptions if one.status == "signposted"],
        worked=[one for one in prescriptions if one.status not in DID_NOT_WORK | NOT_ISSUED | {"signposted"}],
        did_not_work=[one for one in prescriptions if one.status in DID_NOT_WORK],
        risks=risk_line(referral),
        referral=[line for line in referral_lines(referral) if line != risk_line(referral)],
        person=list(_person(referral["person"])),
    )
    return plain(page).encode()


def mistaken_summary(reference: str) -> bytes:
    """What replaces the summary of a referral that was a mistake."""
    return plain(pages.get_template("mistaken.html").render(reference=reference)).encode()


def _change(taken: list[Score]) -> str:
    return f"{taken[-1].value - taken[0].value:+.2f}" if len(taken) > 1 else "taken once only"


def _person(person: Json) -> list[tuple[str, str]]:
    name = " ".join([*person.get("given_names", []), person.get("family_name") or ""]).strip()
    born = uk_date(person["birth_date"]) if len(person.get("birth_date") or "") == 10 else person.get("birth_date")
    practice = (person.get("gp_practice") or {}).get("name")
    told = [
        ("Name", name),
        ("Date of birth", born),
        ("NHS number", person.get("nhs_number")),
        ("GP practice", practice),
    ]
    return [(label, value) for label, value in told if value]
