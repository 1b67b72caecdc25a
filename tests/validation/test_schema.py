"""The generated schema against an independent reading of the same standard: the models of fhir.resources (R4B)."""

from typing import Any

import pytest
from fhir.resources.R4B import get_fhir_model_class

from gateway.validation import SUPPORTED
from gateway.validation.schema import schemas

DEFINITIONS: dict[str, dict[str, Any]] = schemas()["$defs"]
DATATYPES = ["Address", "Annotation", "Attachment", "CodeableConcept", "Coding", "ContactPoint", "Dosage", "Extension"]
DATATYPES += ["HumanName", "Identifier", "Meta", "Period", "Quantity", "Range", "Ratio", "Reference", "Timing"]
# R4B added the first two; the last is R4's, and fhir.resources leaves it out.
DIFFERENT = {"Extension": {"valueCodeableReference", "valueRatioRange", "valueMeta"}}


@pytest.mark.parametrize("name", sorted([*SUPPORTED, *DATATYPES]))
def test_each_type_has_the_elements_that_fhir_resources_knows(name: str) -> None:
    ours = {element for element in DEFINITIONS[name]["properties"] if not element.startswith("_")} - {"resourceType"}
    theirs = set(get_fhir_model_class(name).elements_sequence()) | {"id"}
    assert ours ^ theirs <= DIFFERENT.get(name, set())


CODES = {
    "request-status": "draft active on-hold revoked completed entered-in-error unknown",
    "request-intent": "proposal plan directive order original-order reflex-order filler-order instance-order option",
    "task-status": "draft requested received accepted rejected ready cancelled in-progress on-hold failed completed"
    " entered-in-error",
    "task-intent": "unknown proposal plan order original-order reflex-order filler-order instance-order option",
    "request-priority": "routine urgent asap stat",
    "bundle-type": "document message transaction transaction-response batch batch-response history searchset"
    " collection",
    "observation-status": "registered preliminary final amended corrected cancelled entered-in-error unknown",
    "consent-state-codes": "draft proposed active rejected inactive entered-in-error",
    "administrative-gender": "male female other unknown",
}


@pytest.mark.parametrize("value_set", CODES)
def test_the_codes_that_referrals_turn_on_are_all_there(value_set: str) -> None:
    assert set(DEFINITIONS[f"code.{value_set}"]["enum"]) == set(CODES[value_set].split())
