"""Who a page is about, in words: from the EPR's Patient, never from what a platform says."""

from datetime import date
from typing import Any

from gateway.ids import now
from mappings.clinician import UK, uk_date
from mappings.systems import NHS_NUMBER, canonical

Json = dict[str, Any]


def family_first(patient: Json) -> str:
    """HARROW, Margaret Anne (Ms): as NHS banners show a name."""
    named: list[Json] = patient.get("name", [])
    chosen = next((one for use in ("official", "usual", None) for one in named if one.get("use") == use), None)
    name: Json = chosen or next(iter(named), {})
    if "family" not in name:
        return str(name.get("text") or "Name not known")
    title = f" ({' '.join(name['prefix'])})" if name.get("prefix") else ""
    given = f", {' '.join(one for one in name['given'] if one)}" if name.get("given") else ""
    return f"{name['family'].upper()}{given}{title}"


def born(patient: Json) -> str:
    """14 June 1971 (55 years)."""
    told = patient.get("birthDate")
    if not told:
        return "on a day that is not known"
    if len(told) < 10:
        return f"in {told}"
    day, today = date.fromisoformat(told), now().astimezone(UK).date()
    years = today.year - day.year - ((today.month, today.day) < (day.month, day.day))
    return f"{uk_date(told)} ({years} years)"


def nhs_number(patient: Json) -> str | None:
    """999 204 7186."""
    for one in patient.get("identifier", []):
        value = one.get("value", "").replace(" ", "")
        if canonical(one.get("system", "")) == NHS_NUMBER and one.get("use") != "old" and len(value) == 10:
            return f"{value[:3]} {value[3:6]} {value[6:]}"
    return None
