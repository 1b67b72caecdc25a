"""What the cards say (CDS Hooks 2.0, Card Attributes). Pure, but for their ids.

`detail` is GitHub-flavoured Markdown: what somebody wrote is escaped, so that it makes no link, picture or HTML.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gateway.cds_hooks.prefetch import SOCIAL_PRESCRIBING
from gateway.ids import new_id
from mappings.clinician import clinician_line
from mappings.systems import code_system
from mappings.translate import vocabulary

Json = dict[str, Any]

LONGEST = 139  # CDS Hooks: a summary has fewer than 140 characters
MOST = 3
SOURCE = "Social prescribing gateway"
ATTENTION = frozenset({"info-requested", "delivery-failed"})
MARKS = re.compile(r"[\\`*_\[\]<>#|~&!]|:(?=//)|(?<=www)\.", re.IGNORECASE)
AT_THE_START = re.compile(r"^(\d*)([-+=.)])")
NOT_SHARED = "There is a social prescribing referral whose details are not shared"
WHY_NOT = "The person has refused or withdrawn consent to share, or the record is marked as sensitive."
ASK_FIRST = "Ask the person first: a referral needs their agreement."


@dataclass(frozen=True, slots=True)
class Support:
    """An open referral: where it stands (`mappings.referral.Standing` as a dict), and whether that may be told."""

    standing: Json
    withheld: bool

    @property
    def line(self) -> str:
        return NOT_SHARED + "." if self.withheld else clinician_line(self.standing)

    @property
    def needs_attention(self) -> bool:
        """Whether the hub waits for the referrer, or somebody has not had the latest."""
        return not self.withheld and (self.standing["status"] in ATTENTION or bool(self.standing.get("undelivered")))

    @property
    def heading(self) -> str:
        hub, status = self.standing["hub"]["name"], self.standing["status"]
        if status == "info-requested":
            return f"{hub} has a question for you about a social prescribing referral"
        if status == "delivery-failed" or any(one["to"] == "hub" for one in self.standing.get("undelivered") or []):
            return f"NOT RECEIVED: a social prescribing referral to {hub}"
        if self.needs_attention:
            return f"NOT UP TO DATE: a social prescribing referral to {hub}"
        return f"Social prescribing with {hub}: {vocabulary('referral-status').display(status).lower()}"


def support_cards(supports: Sequence[Support], base_url: str) -> list[Json]:
    """One for each open referral, at most three: first those that wait for somebody. One for all that is not shared."""
    told = sorted((one for one in supports if not one.withheld), key=lambda one: not one.needs_attention)
    cards = [
        _card("support", "warning" if one.needs_attention else "info", one.heading, _referred(one), [_link(base_url)])
        for one in told
    ]
    if len(told) < len(supports):
        cards.insert(MOST - 1, _card("support", "info", NOT_SHARED, WHY_NOT, [_link(base_url)]))
    if len(cards) > MOST:
        cards[MOST - 1]["detail"] += "\n\nThere is more than these cards show: open the view."
    return cards[:MOST]


def offer_card(needs: Mapping[str, Sequence[Json]], user: str, patient_id: str, base_url: str) -> Json:
    """Offers to refer for needs that are coded in the record: domain -> its codings there."""
    names = [vocabulary("referral-reason").display(domain) for domain in needs]
    listed = "".join(f"\n- {escape(name)}" for name in names)
    card = _card(
        "offer",
        "info",
        f"Refer to social prescribing? {', '.join(names)}",
        f"Needs coded in the record that social prescribing may help with:\n{listed}\n\n{ASK_FIRST}",
        [_link(base_url, "Write the referral", list(needs))],
        overrides=("person-declined", "not-now", "supported-elsewhere", "not-a-need"),
    )
    action = {
        "type": "create",
        "description": "Drafts a referral to social prescribing",
        "resource": _draft(needs, user, patient_id),
    }
    suggestion = {"label": "Draft a referral", "uuid": new_id(), "actions": [action]}
    return card | {"suggestions": [suggestion], "selectionBehavior": "at-most-one"}


def _draft(needs: Mapping[str, Sequence[Json]], user: str, patient_id: str) -> Json:
    reasons = vocabulary("referral-reason")
    draft = {
        "resourceType": "ServiceRequest",
        "status": "draft",
        "intent": "proposal",
        "code": {"coding": [SOCIAL_PRESCRIBING]},
        "subject": {"reference": f"Patient/{patient_id}"},
        "reasonCode": [
            {"coding": _with_domain(domain, codings), "text": reasons.display(domain)}
            for domain, codings in needs.items()
        ],
    }
    return draft | ({"requester": {"reference": user}} if user.startswith("Practitioner") else {})


def _with_domain(domain: str, codings: Sequence[Json]) -> list[Json]:
    target = vocabulary("referral-reason").target(domain)
    ours = [target.coding()] if target else []
    return [*ours, *(one for one in codings if one["system"] != code_system("referral-reason"))]


def duplicate_card(supports: Sequence[Support], base_url: str) -> Json:
    """Warns that support is open while another referral is drafted."""
    told = [one for one in supports if not one.withheld]
    lines = [_referred(one) for one in told[:MOST]] or [f"{NOT_SHARED}. {WHY_NOT}"]
    summary = f"Referred already: {told[0].heading}" if told else NOT_SHARED
    detail = "\n\n".join(["Look at what is open before another referral is sent.", *lines])
    overrides = ("another-need", "supported-elsewhere")
    return _card("duplicate", "warning", summary, detail, [_link(base_url, "See what is open")], overrides)


def draft_card(lacks: Sequence[str], reasons: Sequence[str], base_url: str) -> Json:
    """Leads to the form when a draft does not say what a hub needs."""
    said = " and ".join(lacks)
    detail = f"The form asks for what the hub needs, with {said} among it. {ASK_FIRST}"
    link = _link(base_url, "Complete the referral", reasons)
    return _card("draft", "info", f"This social prescribing referral lacks {said}", detail, [link])


def _referred(support: Support) -> str:
    return f"**{support.standing['reference']}**: {escape(support.line)}"


def _card(
    topic: str, indicator: str, summary: str, detail: str, links: list[Json], overrides: Sequence[str] = ()
) -> Json:
    about = vocabulary("card-topic").target(topic)
    card = {
        "uuid": new_id(),
        "summary": shorten(summary),
        "detail": detail,
        "indicator": indicator,
        "source": {"label": SOURCE, "topic": about.coding() if about else None},
        "links": links,
    }
    chosen = [vocabulary("card-override-reason").target(code) for code in overrides]
    return card | ({"overrideReasons": [one.coding() for one in chosen if one]} if chosen else {})


def _link(base_url: str, label: str = "Open social prescribing", reasons: Sequence[str] = ()) -> Json:
    link: Json = {"label": label, "url": f"{base_url}/launch", "type": "smart"}
    return link | ({"appContext": json.dumps({"reasons": list(reasons)}, separators=(",", ":"))} if reasons else {})


def shorten(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1].rstrip()}…"


def escape(text: str) -> str:
    """The text on one line, in Markdown that shows it as it is."""
    line = MARKS.sub(lambda found: f"\\{found[0]}", " ".join(text.split()))
    line = AT_THE_START.sub(r"\1\\\2", line)
    # GitHub looks for e-mail addresses after it has taken escapes away: a word joiner, which nobody sees, is none.
    return line.replace("@", "@\u2060")
