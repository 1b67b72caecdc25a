"""Real FHIR files written by others: none that is valid is refused, and nearly all others are, for the right reason.

The files stay outside the project: set FHIR_CORPUS to their folder (manifest.jsonl names each file, whether it is valid
base R4, and which issue is expected), or put it beside the checkout as ../shared/corpus.
"""

import json
import os
import re
from pathlib import Path
from typing import Any

import pytest

from gateway.errors import Issue, Unreadable
from gateway.validation import SUPPORTED, check, parse

Row = dict[str, Any]

CORPUS = Path(os.environ.get("FHIR_CORPUS") or Path(__file__).parents[3] / "shared/corpus")
MANIFEST = CORPUS / "manifest.jsonl"

pytestmark = pytest.mark.skipif(not MANIFEST.exists(), reason=f"no corpus at {CORPUS}: set FHIR_CORPUS")

# Refused although listed as valid, each with the rule it breaks.
REFUSED = {
    "Observation-clinical-gender.json": "performer is an Encounter, which Observation.performer may not be",
    "Questionnaire-demographics.json": "an empty string",
    "QuestionnaireResponse-questionnaireresponse-sdc-profile-example.json": "dom-3: a contained resource unused",
    "documentreference-clinical-context.json": "an empty object",
    "Patient-HomerSimpsonPreviousVersion.json": "Meta.author, an element of one server only",
    "Patient-LisaSimpson.json": "Meta.author, an element of one server only",
    "Task-ExampleWorkflowTask3.json": "Meta.author, an element of one server only",
    "Bundle-TransactionWithForeignReferenceInResourceBody.json": "a urn:uuid that leads to no entry: we refuse it",
    "SmartPatientD.json": "a transaction that puts nine resources twice",
}
# Not refused, or not for the reason listed.
MISSED = {
    "*-qr.json": "an answer against its Questionnaire, which is not in the file",
    "qr-vr.json": "an answer against its Questionnaire, which is not in the file",
    "nested-questionnaire-nested-valueset.json": "an answer against its Questionnaire",
    "obs-temp-bad.json": "a profile: the magic LOINC codes of vital signs",
    "maiden-name-extension.json": "the definition of an extension: where it may stand",
    "versioned-extension.json": "the definition of an extension",
    "bundle-id-[34].json": "whether a search result fits its search, of a type the gateway does not take",
    "bundle-with-contained.json": "links inside narratives, displays of codes",
    "bundle-enrl.json": "links inside narratives, displays of codes",
    "ips-htmlrefs-backwards.json": "the definition of an extension, in a type the gateway does not take",
    "mni-patientOverview-bundle-example1b.json": "displays of codes, in a type the gateway does not take",
    "bad-markdown-no-html.json": "a warning about markdown: < is allowed in it",
    "encounter-period.json": "a date and a time of that day: not comparable, so not wrong",
    "observation_invalid_unicode.json": "its string holds tab, CR and LF, which R4 allows",
}
# A validator's general code and the exact ones below it (http://hl7.org/fhir/issue-type).
BELOW_INVALID = frozenset({"invalid", "structure", "required", "value", "invariant"})


def rows(validity: str) -> list[Row]:
    listed = [json.loads(line) for line in MANIFEST.read_text(encoding="utf-8").splitlines()]
    return [
        row
        for row in listed
        if row.get("validity") == validity and row["file"].endswith(".json") and row["resourceType"] in SUPPORTED
    ]


def findings(row: Row) -> list[Issue]:
    try:
        return check(parse((CORPUS / row["file"]).read_bytes()))
    except Unreadable as refused:
        return refused.issues


def test_no_valid_file_is_refused() -> None:
    refused = {}
    for row in rows("valid"):
        # a type that the gateway does not take, or a modifier extension, is refused whatever else is right
        found = [issue for issue in findings(row) if issue.code not in ("not-supported", "extension")]
        if found and Path(row["file"]).name not in REFUSED:
            refused[row["file"]] = found
    assert refused == {}


def test_invalid_files_are_refused_with_the_right_code_at_or_above_the_fault() -> None:
    invalid = rows("invalid")
    missed = [row["file"] for row in invalid if not any(hits(issue, row) for issue in findings(row))]
    unexplained = [file for file in missed if not any(Path(file).match(name) for name in MISSED)]
    assert unexplained == []
    assert 1 - len(missed) / len(invalid) >= 0.95


def hits(issue: Issue, row: Row) -> bool:
    """Whether a finding is one of those expected; where none is spelt out, whether it is a refusal at all."""
    return any(
        same_code(issue.code, expected.get("code"), exact="_mutations" in row["file"])
        and (
            not expected.get("expression")
            or any(at_or_above(issue.expression, element) for element in expected["expression"])
        )
        for expected in row["expected"]
    )


def at_or_above(ours: str | None, theirs: str) -> bool:
    """A missing or unknown element may be named itself, or by what it is missing in."""
    return ours is None or plain(theirs).startswith(ours) or ours.rpartition(".")[0] == plain(theirs)


def same_code(ours: str, theirs: str | None, *, exact: bool) -> bool:
    if theirs is None or ours == theirs:
        return True
    return not exact and {ours, theirs} <= BELOW_INVALID


def plain(expression: str) -> str:
    """An expression without the notes that a validator puts into it, and without the type of a choice."""
    return re.sub(r"/\*.*?\*/|\.ofType\(\w+\)|\[x\]|\[url=.*?\]", "", expression).removesuffix("/")
