"""Messages that others published: each gets a clear answer, and the BaRS ones the answer that fits them.

The files stay outside the project: set FHIR_CORPUS to their folder, or put it beside the checkout as ../shared/corpus.
"""

import json
import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from tests.app import Running, start
from tests.fhir.messages.said import say

CORPUS = Path(os.environ.get("FHIR_CORPUS") or Path(__file__).parents[4] / "shared/corpus") / "uk"

pytestmark = pytest.mark.skipif(not CORPUS.exists(), reason=f"no corpus at {CORPUS}: set FHIR_CORPUS")

NEEDS = (
    422,
    {"required", "value", "code-invalid", "not-found", "business-rule"},
)  # what a referral here needs is not in it
BOOKING, NOTHING_ASKED, UNKNOWN = (422, {"not-supported"}), (404, {"not-found"}), (404, {"not-found"})
VALIDATION = (400, {"invariant"})
# The start of the file's name: the answer, and the codes of its findings.
BARS = {
    "BOOKREQ01": BOOKING,
    "REFREQ01": NEEDS,
    "REFREQ02": NEEDS,
    "REFREQ03": (200, set()),
    "REFREQ04": NEEDS,
    "REFREQ10": (200, set()),
    "REFREQ11": NEEDS,
    "REFREQ8A": NEEDS,
    "REFREQ8B": UNKNOWN,
    "REFREQ8C": UNKNOWN,
    "REFREQ8D": UNKNOWN,
    "REFRESP01": NOTHING_ASKED,
    "REFRESP02": NOTHING_ASKED,
    "SERVREQ01": VALIDATION,
    "VALREQ01": VALIDATION,
    "VALREQ02": VALIDATION,
    "VALRESP01A": NOTHING_ASKED,
    "VALRESP01B": NOTHING_ASKED,
    "VALRESP01_": VALIDATION,
    "VALRESP04": NOTHING_ASKED,
}


@pytest.fixture
async def unchecked(database_url: str, tmp_path: Path) -> AsyncIterator[Running]:
    """Without the check digit of NHS numbers, which those of the published examples fail."""
    running = await start(database_url, tmp_path, nhs_number_check="off")
    yield running
    await running.stop()


def bodies(folder: str) -> Iterator[tuple[Path, bytes]]:
    for path in sorted((CORPUS / folder).rglob("*.json")):
        yield path, path.read_bytes()


def is_message(body: bytes) -> bool:
    try:
        bundle = json.loads(body)
    except ValueError:
        return False
    return isinstance(bundle, dict) and (bundle.get("resourceType"), bundle.get("type")) == ("Bundle", "message")


async def test_the_published_bars_messages(unchecked: Running) -> None:
    wrong = {}
    for path, body in bodies("bars-ig/dev/Examples"):
        if not is_message(body):
            continue
        status, codes = next(expected for start_, expected in BARS.items() if path.name.startswith(start_))
        answer = await say(unchecked, body)
        found = {issue["code"] for issue in answer.json().get("issue", [])}
        if answer.status_code != status or not found <= codes:
            wrong[path.name] = answer.text[:500]
    assert wrong == {}


async def test_messages_of_r4_in_other_guides(unchecked: Running) -> None:
    """Genomics, pathology, bookings, notifications: none is a referral, each is told so or what is wrong with it."""
    seen = 0
    for path, body in bodies("."):
        if is_message(body) and "bars-ig" not in path.parts:
            answer = await say(unchecked, body)
            assert answer.status_code in {400, 404, 422}, f"{path}: {answer.text[:500]}"
            assert answer.json()["resourceType"] == "OperationOutcome"
            seen += 1
    assert seen > 30


async def test_stu3_of_the_referral_service_is_told_that_r4_is_wanted(unchecked: Running) -> None:
    for path, body in bodies("ers-api/dev/sandbox/src/mocks/stu3"):
        answer = await say(unchecked, body)
        told = answer.json()["issue"][0]["diagnostics"]
        assert answer.status_code == 422, path
        assert "STU3" in told, path
        assert "R4" in told, path
