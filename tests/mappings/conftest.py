"""The examples of `tests/examples`, a folder per case that doubles as documentation.

`request.json` is what the EPR sends and `referral.json` what it becomes; `standing.json` is where that referral stands
some time later, and `task.json` what the EPR then receives.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from mappings.to_referral import Sources

Json = dict[str, Any]

EXAMPLES = Path(__file__).parent.parent / "examples"


@dataclass(frozen=True)
class Example:
    folder: Path

    def read(self, name: str) -> Json:
        content: Json = json.loads((self.folder / f"{name}.json").read_text(encoding="utf-8"))
        return content

    @property
    def sources(self) -> Sources:
        """What the gateway hands to the translation: the Bundle's resources by the part they play."""
        bundle = self.read("request")
        known = {entry["fullUrl"]: entry["resource"] for entry in bundle["entry"]}

        def only(type_: str) -> Json | None:
            return next((one for one in known.values() if one["resourceType"] == type_), None)

        def follow(reference: Json | None) -> Json | None:
            return known.get((reference or {}).get("reference", ""))

        request = only("ServiceRequest") or {}
        patient = follow(request["subject"]) or {}
        asker = follow(request["requester"]) or {}
        role = asker if asker["resourceType"] == "PractitionerRole" else None
        return Sources(
            patient=patient,
            service_request=request,
            task=only("Task"),
            consent=only("Consent"),
            requester_role=role,
            requester=follow((role or {}).get("practitioner")),
            organization=follow(role["organization"]) if role else asker,
            performer=next(filter(None, map(follow, request.get("performer", []))), None),
            practice=next(filter(None, map(follow, patient.get("generalPractitioner", []))), None),
            supporting=[found for found in map(follow, request.get("supportingInfo", [])) if found],
            reasons=[found for found in map(follow, request.get("reasonReference", [])) if found],
            route="epr-message" if bundle["type"] == "message" else "epr-api",
        )

    @property
    def referred(self) -> tuple[Json | None, str, str]:
        """The Task as sent, with the addresses the gateway has given, and the ids of the request and the person.

        Each resource has the UUID of its fullUrl as its id here.
        """
        text = json.dumps(self.read("request"))
        for entry in self.read("request")["entry"]:
            url = entry["fullUrl"]
            text = text.replace(url, f"{entry['resource']['resourceType']}/{url.removeprefix('urn:uuid:')}")
        entries = json.loads(text)["entry"]
        ids = {one["resource"]["resourceType"]: one["fullUrl"].split("/")[1] for one in entries}
        sent = [one["resource"] for one in entries if one["resource"]["resourceType"] == "Task"]
        return (sent[0] if sent else None), ids["ServiceRequest"], ids["Patient"]


@pytest.fixture(params=sorted(folder.name for folder in EXAMPLES.iterdir() if folder.is_dir()))
def example(request: pytest.FixtureRequest) -> Example:
    """Each example in turn."""
    return Example(EXAMPLES / request.param)


@pytest.fixture
def examples() -> dict[str, Example]:
    """All examples by name."""
    return {folder.name: Example(folder) for folder in EXAMPLES.iterdir() if folder.is_dir()}
