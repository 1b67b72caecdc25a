"""What an amendment changed in a Referral, field by field, in words that an advisor can read."""

from collections.abc import Iterator
from typing import Any

from mappings.referral import Amendment

Json = dict[str, Any]

WHERE = (
    "person.address", "person.phones", "person.emails", "person.gp_practice", "person.contacts", "safe_contact.phone",
)  # fmt: skip
SPEAKS = ("label", "value")  # what says it all, of a reason or category, a telephone number or identifier


def fields_changed(before: Json, after: Json) -> list[Json]:
    """[{field, before, after}] (`mappings.referral.FieldChanged`) for two Referrals as dicts, in the order of their
    fields. Objects are compared part by part, lists as a whole. Of a restricted person it is told that the fields
    changed which say where they are, and not from what."""
    changed = list(_changed(before, after, ""))
    if after.get("person", {}).get("sensitive"):
        changed = [one | {"before": None, "after": None} if _says_where(one["field"]) else one for one in changed]
    return changed


def without_where(amendments: list[Amendment]) -> list[Amendment]:
    """The amendments of somebody who is restricted now."""
    blank = {"before": None, "after": None}
    return [
        amendment.model_copy(
            update={
                "fields": [one.model_copy(update=blank) if _says_where(one.field) else one for one in amendment.fields]
            }
        )
        for amendment in amendments
    ]


def _says_where(field: str) -> bool:
    return ".".join(field.split(".")[:2]) in WHERE


def _changed(before: Json, after: Json, above: str) -> Iterator[Json]:
    for name in [*before, *(name for name in after if name not in before)]:
        old, new = before.get(name), after.get(name)
        if old == new:
            continue
        if isinstance(old or {}, dict) and isinstance(new or {}, dict):
            yield from _changed(old or {}, new or {}, f"{above}{name}.")
        else:
            yield {"field": f"{above}{name}", "before": _in_words(old), "after": _in_words(new)}


def _in_words(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return "; ".join(filter(None, map(_in_words, value))) or None
    if isinstance(value, dict):
        spoken = next((value[name] for name in SPEAKS if value.get(name)), None)
        return spoken or ", ".join(filter(None, map(_in_words, value.values()))) or None
    return str(value)
