"""The keys by which a resource is found in the store: (search parameter, value) pairs, made of its content."""

from typing import Any

Json = dict[str, Any]
LONGEST = 512  # characters, of table found_by


def keys(content: Json) -> set[tuple[str, str]]:
    """(parameter, value) for each value of the parameters that are indexed."""
    given = content.get("identifier") or []
    listed = given if isinstance(given, list) else [given]  # 0..1 in QuestionnaireResponse and Bundle
    return {("identifier", token_key(one.get("system", ""), one["value"])) for one in listed if one.get("value")}


def token_key(system: str, code: str) -> str:
    """code|system: all systems of a code stand together in the index."""
    return f"{code}|{system}"[:LONGEST]
