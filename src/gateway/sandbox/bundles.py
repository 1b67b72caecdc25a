"""A Bundle that refers a person of the sandbox, ready to POST to a tenant's FHIR base."""

import json
from functools import lru_cache
from importlib.resources import files
from typing import Any
from uuid import uuid4

from gateway.sandbox.scenarios import Scenario

Json = dict[str, Any]


def bundle_of(scenario: Scenario, person: Json | None = None) -> Json:
    """The referral of this person, `person` over what the scenario says of them. Each has a name of its own, unless
    the scenario gives it one."""
    bundle: Json = json.loads(_document())
    resources = {entry["resource"]["resourceType"]: entry["resource"] for entry in bundle["entry"]}
    patient = resources["Patient"]
    patient["identifier"][0]["value"] = scenario.number
    patient["name"][0] |= scenario.name.model_dump()
    patient |= scenario.person | (person or {})
    resources["Consent"] |= scenario.consent
    resources["ServiceRequest"]["identifier"][0]["value"] = scenario.identifier or f"SANDBOX-{uuid4().hex[:16]}"
    return bundle


@lru_cache
def _document() -> str:
    return files("gateway.sandbox").joinpath("referral.json").read_text("utf-8")
