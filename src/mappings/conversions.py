"""The few conversions that no code map can say, by the names that rows of a field map call them."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from mappings.systems import NHS_NUMBER, ODS_ORGANISATION, ODS_SITE, canonical, pattern
from mappings.translate import Maps
from mappings.words import answer_in_words, concept_in_words, name_in_full, resource_in_words

# %names that the map's expressions may use besides resources: any spelling of a system.
CONSTANTS = {"nhsNumber": pattern(NHS_NUMBER), "odsCode": pattern(ODS_ORGANISATION, ODS_SITE)}


def nhs_number(value: Any) -> str:
    """Its digits, without the spaces or hyphens it is often written with."""
    return str(value).replace(" ", "").replace("-", "")


def yes_when_true(value: Any) -> str | None:
    return "yes" if value is True else None


def known_code(maps: Maps, coding: Any) -> str | None:
    """The code of a Coding, where it is one of our own vocabulary of that system."""
    found = maps.vocabulary_at(coding.get("system", ""))
    return coding.get("code") if found and coding.get("code") in found.displays else None


def conversions(maps: Maps) -> Mapping[str, Callable[[Any], Any]]:
    return {
        "answer-in-words": answer_in_words,
        "canonical-system": canonical,
        "concept-in-words": concept_in_words,
        "known-code": partial(known_code, maps),
        "name-in-full": name_in_full,
        "nhs-number": nhs_number,
        "resource-in-words": resource_in_words,
        "yes-when-true": yes_when_true,
    }
