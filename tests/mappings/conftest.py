"""The examples of `tests/examples`, a folder per case that doubles as documentation.

`request.json` is what the EPR sends and `referral.json` what it becomes; `standing.json` is where that referral stands
some time later, and `task.json` what the EPR then receives.
"""

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from gateway.sources import gather
from gateway.store.resources import Resource
from mappings.to_referral import Sources

Json = dict[str, Any]

RECEIVED = datetime(2026, 2, 1, tzinfo=UTC)
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
        sent = {one["resourceType"]: Resource(one["resourceType"], "", 1, RECEIVED, one) for one in known.values()}
        route = "epr-message" if bundle["type"] == "message" else "epr-api"
        return gather(known, sent["ServiceRequest"], sent.get("Task"), route, RECEIVED.date().isoformat())

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
