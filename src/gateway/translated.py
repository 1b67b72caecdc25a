"""What a request says on the social-prescribing side, and what is found against it: the same way when it comes and
when it is amended."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from gateway.arrival import Gateway
from gateway.dialects import translator_of
from gateway.errors import Issue
from gateway.ids import instant
from gateway.profile import Sent, check_referral
from gateway.sources import Known, gather
from gateway.store.resources import Resource
from gateway.validation import dump
from mappings.to_referral import Sources, Translation, referral_from

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Translated:
    """A translated request. `findings` have their places in what was received; the hub that was asked for is named by
    `hub_names`, (system, value) pairs, or by `hub_wanted`."""

    sources: Sources
    translation: Translation
    findings: list[Issue]
    hub_names: list[tuple[str, str]]
    hub_wanted: str | None

    @property
    def referral(self) -> Json:
        return self.translation.referral

    def columns(self) -> Json:
        """What of it stands in table `referral`."""
        trace = {
            "rows": self.translation.rows,
            "unknown": self.translation.unknown,
            "maps": self.translation.map_versions,
        }
        referrer = self.referral["referrer"]
        return {
            "urgency": self.referral["urgency"],
            "team": referrer.get("team"),
            "referrer": referrer.get("name"),
            "content": dump(self.referral).decode(),
            "trace": dump(trace).decode(),
        }


def translate(
    gateway: Gateway,
    organisation: str,
    known: Known,
    service_request: Resource,
    task: Resource | None,
    route: str,
    at: datetime,
    places: dict[str, str],
    addressed_to: list[tuple[str, str]],
) -> Translated:
    """Gathers what the request refers to, translates it and holds it against the profile; decides nothing.

    `places` says where resources stood in what was received (`Asked.at`), `addressed_to` whom a message named. Raises
    Unavailable when the organisation's dialect cannot be read: translated without it, codes would be lost.
    """
    today = instant(at)[:10]
    sources = gather(known, service_request, task, route, today)
    agreed = gateway.directory.organisation(organisation) or {}
    by = translator_of(gateway.maps, gateway.settings.dialects_folder, agreed)
    translation = referral_from(sources, by)
    hub_names, hub_wanted = _addressed(sources, addressed_to), translation.referral.get("requested_hub")
    sent = Sent(
        translation.referral,
        sources,
        translation.unknown,
        organisation,
        today,
        addressed=bool(hub_names or hub_wanted),
        hub_known=gateway.directory.named_hub(hub_names, hub_wanted) is not None,
    )
    number_check = agreed.get("nhs_number_check") or gateway.settings.nhs_number_check
    findings = [placed_at(issue, places) for issue in check_referral(sent, agreed.get("rules", {}), number_check)]
    return Translated(sources, translation, findings, hub_names, hub_wanted)


def _addressed(sources: Sources, addressed_to: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """The (system, value) pairs by which ServiceRequest.performer, or the destination of a message, names the hub."""
    performers = [reference.get("identifier", {}) for reference in sources.service_request.get("performer", [])]
    performers += (sources.performer or {}).get("identifier", [])
    return [(one.get("system", ""), one.get("value", "")) for one in performers if one] + addressed_to


def placed_at(issue: Issue, places: dict[str, str]) -> Issue:
    """The finding with its element's place in what was received, e.g. Bundle.entry[1].resource.subject."""
    type_, _, rest = (issue.expression or "").partition(".")
    place = places.get(type_, type_)
    return Issue(issue.code, issue.text, f"{place}.{rest}" if rest else place, issue.severity)
