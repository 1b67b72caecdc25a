"""Where a referral or a request stands, and the five steps of its way there, each with a colour and a few words."""

from collections import Counter
from typing import Any

Json = dict[str, Any]

REFUSED = 400
ROUTES = {
    "epr-api": "FHIR, over the API",
    "epr-message": "a BaRS message",
    "epr-hl7v2": "an HL7 v2 message",
    "epr-launch": "the form inside the EPR",
}


def standing_of(told: Json) -> Json:
    """{"tone": green | amber | red | grey, "words"}: the one thing to know first."""
    if told["referral"]:
        return _standing_of_referral(told)
    refused = [one for one in told["requests"] if one["outcome"] >= REFUSED]
    if not refused:
        return _stand("green", "Every request of this conversation was taken")
    last = refused[-1]
    whole = (
        "The request was" if len(told["requests"]) == 1 else f"{len(refused)} of {len(told['requests'])} requests were"
    )
    return _stand("red", f"{whole} refused ({last['outcome']}), and nothing of it was kept")


def _standing_of_referral(told: Json) -> Json:
    if told["more_deliveries"]:
        shown = _count(len(told["deliveries"]), "update")
        return _stand("amber", f"There are more than {shown}, and the newest are not looked at here")
    states = Counter(one["state"] for one in told["deliveries"])
    lost = [one for one in told["deliveries"] if one["state"] == "dead"]
    if lost:
        where = ", ".join(sorted({one["destination"] for one in lost}))
        return _stand("red", f"{_count(len(lost), 'update')} did not arrive at {where}: {lost[-1]['last_failure']}")
    failing = [one for one in told["deliveries"] if one["state"] == "due" and one["last_failure"]]
    if failing:
        where = ", ".join(sorted({one["destination"] for one in failing}))
        return _stand(
            "amber", f"{_count(len(failing), 'update')} to {where} will be tried again: {failing[-1]['last_failure']}"
        )
    if states["due"]:
        return _stand("amber", f"{_count(states['due'], 'update')} on the way")
    if not told["deliveries"]:
        return _stand("grey", "Stored; nobody is registered to be told")
    return _stand("green", "Stored, and all who must know were told")


def way_of(told: Json) -> list[Json]:
    """The steps from what came in to who was told: {"step", "title", "tone", "words"}."""
    if not told["referral"]:
        return _way_of_requests(told)
    referral = told["referral"]
    unknown = len(told["unknown"])
    states = Counter(one["state"] for one in told["deliveries"])
    route = next((one["value"] for one in told["fields"] if one["target"] == "route"), "")
    in_all = len(told["deliveries"])
    late = in_all - states["delivered"]
    return [
        _step("received", "Came in", "green", f"From {referral['organisation']}, as {ROUTES.get(route, 'a request')}"),
        _step("findings", "Checked", *_checked(told)),
        _step(
            "fields",
            "Mapped",
            "amber" if unknown else "green",
            f"{_count(len(told['fields']), 'field')}, "
            + (_count(unknown, "unknown code") if unknown else "all codes known"),
        ),
        _step(
            "stored",
            "Stored",
            "green",
            f"{referral['reference']}, {_plain(referral['status'])}, version {referral['version']}",
        ),
        _step(
            "deliveries",
            "Told",
            "red" if states["dead"] else "amber" if late or told["more_deliveries"] else "green",
            f"{states['delivered']} of {'the first ' if told['more_deliveries'] else ''}{in_all} updates arrived"
            if in_all
            else "Nobody is registered to be told",
        ),
    ]


def _way_of_requests(told: Json) -> list[Json]:
    refused = [one for one in told["requests"] if one["outcome"] >= REFUSED]
    errors = sum(len(one["findings"]) for one in refused)
    checked = f"Refused: {_count(errors, 'finding')}" if refused else "Taken"
    kept = "Something was stored" if told["received"] else "Nothing was stored"
    tone = "grey" if refused and not told["received"] else "green"
    return [
        _step("requests", "Came in", "green", _count(len(told["requests"]), "request")),
        _step("findings", "Checked", "red" if refused else "green", checked),
        _step("fields", "Mapped", "grey", _count(len(told["others"]), "referral") if told["others"] else "No referral"),
        _step("stored", "Stored", tone, kept),
        _step("deliveries", "Told", "grey", "See each referral" if told["others"] else "Nobody"),
    ]


def _checked(told: Json) -> tuple[str, str]:
    """Colour and words for what the checks found in the referral, and in requests about it that were refused."""
    weights = Counter(one["severity"] for one in told["findings"])
    refused = sum(one["outcome"] >= REFUSED for one in told["requests"])
    words = [_count(weights["warning"], "warning")] if weights["warning"] else []
    words += [f"{_count(refused, 'request')} refused"] if refused else []
    return ("amber", ", ".join(words)) if words else ("green", "Nothing to warn of")


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def _plain(code: str) -> str:
    return code.replace("-", " ")


def _stand(tone: str, words: str) -> Json:
    return {"tone": tone, "words": words}


def _step(step: str, title: str, tone: str, words: str) -> Json:
    return {"step": step, "title": title, "tone": tone, "words": words}
