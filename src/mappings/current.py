"""What still holds on a day: the names, numbers and addresses of a resource without those that have ended.

A person who fled a home must not be looked for there. Source: R4 datatypes.html (use `old`, Period).
"""

from typing import Any

Json = dict[str, Any]

DATED = ("name", "telecom", "address", "identifier", "contact")


def holds(period: Json | None, day: str) -> bool:
    """Whether a FHIR Period includes the day (ISO date). Its ends may be years or months, and are included."""
    start, end = (period or {}).get("start"), (period or {}).get("end")
    return (not start or start[:10] <= day) and (not end or end[:10] >= day[: len(end)])


def current(resource: Json, day: str) -> Json:
    """The resource without names, telecoms, addresses, identifiers and contacts marked old or not valid on the day.

    What is given stays as it is; a resource in which all holds is handed back itself.
    """
    kept: Json = {}
    for name in DATED:
        given = resource.get(name)
        if isinstance(given, list):
            holding = [one for one in given if _holds(one, day)]
            if name == "contact":
                holding = [current(one, day) for one in holding]
            if holding != given:
                kept[name] = holding
    return resource | kept if kept else resource


def _holds(item: Json, day: str) -> bool:
    return item.get("use") != "old" and ("period" not in item or holds(item["period"], day))
