"""How well `check` judges real FHIR files written by others: writes docs/corpus.md.

    make corpus-table     (FHIR_CORPUS=folder with manifest.jsonl, else ../shared/corpus beside the checkout)

The files stay outside the project. The manifest names each file, whether it is valid base R4, and which issue is
expected of one that is not. A QuestionnaireResponse is judged with its Questionnaire, found among the corpus files and
those in FHIR_QUESTIONNAIRES, a folder of what was published beside the responses (of FHIR/fhir-test-cases:
validator/questionnaire/brianpos/*-q.json and validator/q-vr.json).
tests/validation/test_corpus.py holds the numbers to their floor with the same functions.
"""

import json
import os
import re
from collections import Counter
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

from gateway.errors import Issue, Unreadable
from gateway.validation import SUPPORTED, check, overlapping, parse

Row = dict[str, Any]
Json = dict[str, Any]
Lookup = Callable[[str], Json | None]

ROOT = Path(__file__).parents[1]
CORPUS = Path(os.environ.get("FHIR_CORPUS") or ROOT.parent / "shared/corpus")
MANIFEST = CORPUS / "manifest.jsonl"
QUESTIONNAIRES = os.environ.get("FHIR_QUESTIONNAIRES")
PAGE = ROOT / "docs/corpus.md"

# Refused although listed as valid, each with the clause of R4 that it breaks.
REFUSED = {
    "Observation-clinical-gender.json": "performer is an Encounter, which observation-definitions.html does not allow",
    "Questionnaire-demographics.json": "an empty string, which json.html#primitive forbids",
    "QuestionnaireResponse-questionnaireresponse-sdc-profile-example.json": "dom-3: nothing refers to what it contains",
    "Patient-HomerSimpsonPreviousVersion.json": "Meta.author, an element of one server: no R4 resource has it",
    "Patient-LisaSimpson.json": "Meta.author, an element of one server: no R4 resource has it",
    "Task-ExampleWorkflowTask3.json": "Meta.author, an element of one server: no R4 resource has it",
}
# Not refused, or not for the reason listed.
MISSED = {
    "obs-temp-bad.json": "a profile: the LOINC codes of vital signs",
    "maiden-name-extension.json": "the definition of an extension: where it may stand",
    "nested-questionnaire-nested-valueset.json": "the definition of an extension that is not R4's own",
    "ips-htmlrefs-backwards.json": "the definition of an extension, in a type the gateway does not take",
    "bundle-with-contained.json": "links inside narratives, displays of codes",
    "bundle-enrl.json": "links inside narratives, displays of codes",
    "bad-markdown-no-html.json": "a warning about markdown: < is allowed in it",
    "encounter-period.json": "a date, and a time of that day: the period can be right",
    "observation_invalid_unicode.json": "its string holds tab, CR and LF, which R4 allows",
}
UNKNOWN_QUESTIONNAIRE = "its Questionnaire is not among the files"
# A validator's general code and the exact ones below it (http://hl7.org/fhir/issue-type).
BELOW_INVALID = frozenset({"invalid", "structure", "required", "value", "invariant"})
# What is expected, in the order in which the words of an expectation are looked at.
KINDS = {
    "JSON that cannot be read": r"UTF-8|truncated|trailing comma|duplicate key|root must|NaN|unicode",
    "type of the resource": r"resourceType",
    "narrative": r"XHTML|Hyperlink|txt-",
    "rule ": r"\b([a-z]{2,4}-\d+)\b",
    "rules of a transaction": r"HTTP 400|focus/extra",
    "code of a required binding": r"code-invalid|not in the required|not in http-verb",
    "type that a reference may lead to": r"may not reference",
    "date or time": r"\bdate\b|time zone",
    "id": r"\bid\b|Resource id",
    "two types of one choice": r"only one|two value",
    "array or not": r"must not be an array|must be an? (?:JSON )?array|0\.\.1 in",
    "nothing where something must be": r"null|empty",
    "unknown element": r"unknown element|Unrecognized",
    "required element": r"required|1\.\.|minimum required",
    "type of a primitive": r"^value|base64",
}


PREFACE = """# How well the check judges real files

Written by `make corpus-table`; tools/corpus_table.py says how to bring the files, none of which is in the project.
They are JSON of the types that the gateway takes, published by others with a verdict: valid base R4 or not, and why.
A file is caught when it is refused with the right issue code, at the faulty element or above it. That two entries of a
transaction change the same resource is found where transactions come in, not by the check.
"""


@cache
def listed() -> list[Row]:
    return [json.loads(line) for line in MANIFEST.read_text(encoding="utf-8").splitlines()]


def rows(validity: str) -> list[Row]:
    """The JSON files with this verdict whose type the gateway takes."""
    return [
        row
        for row in listed()
        if row.get("validity") == validity and row["file"].endswith(".json") and row["resourceType"] in SUPPORTED
    ]


def name(row: Row) -> str:
    return Path(row["file"]).name


def is_mutation(row: Row) -> bool:
    return "_mutations" in row["file"]


def resource(row: Row) -> Json:
    try:
        return parse((CORPUS / row["file"]).read_bytes())
    except Unreadable:
        return {}


def questionnaire(canonical: str, folder: str | None = QUESTIONNAIRES) -> Json | None:
    """The Questionnaire with this url, in this version where one is named."""
    url, _, version = canonical.partition("|")
    found = questionnaires(folder).get(url)
    return found if found and (not version or found.get("version") in (None, version)) else None


def among_the_files(canonical: str) -> Json | None:
    return questionnaire(canonical, None)


@cache
def questionnaires(folder: str | None) -> dict[str, Json]:
    """Each Questionnaire by its url: those of the corpus, and those in the folder."""
    inside = [resource(row) for row in listed() if row.get("resourceType") == "Questionnaire" and not is_mutation(row)]
    beside = [parse(path.read_bytes()) for path in sorted(Path(folder).glob("*.json"))] if folder else []
    return {each["url"]: each for each in reversed([*inside, *beside]) if isinstance(each.get("url"), str)}


def findings(row: Row, look_up: Lookup = questionnaire) -> list[Issue]:
    try:
        return check(parse((CORPUS / row["file"]).read_bytes()), questionnaires=look_up)
    except Unreadable as refused:
        return refused.issues


def faults(row: Row) -> list[Issue]:
    """The findings in a file listed as valid that say it is not: that the gateway does not take a type says nothing."""
    return [issue for issue in findings(row) if issue.code not in ("not-supported", "extension")]


def is_caught(row: Row, look_up: Lookup = questionnaire) -> bool:
    """Whether a file is refused for a reason that is expected: by check, or by the door where transactions come in."""
    if any(hits(issue, row) for issue in findings(row, look_up)):
        return True
    return row["resourceType"] == "Bundle" and any(hits(issue, row) for issue in overlapping(resource(row)))


def hits(issue: Issue, row: Row) -> bool:
    """Whether a finding is one of those expected; where none is spelt out, whether it is a refusal at all."""
    return any(
        same_code(issue.code, expected.get("code"), exact=is_mutation(row))
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


def is_undecided(row: Row) -> bool:
    """Whether a response names a Questionnaire that nobody gave, so that only half of it can be judged."""
    canonical = resource(row).get("questionnaire")
    return isinstance(canonical, str) and not canonical.startswith("#") and questionnaire(canonical) is None


def reason(row: Row) -> str:
    """Why an invalid file is not caught."""
    if name(row) in MISSED:
        return MISSED[name(row)]
    return UNKNOWN_QUESTIONNAIRE if row["resourceType"] == "QuestionnaireResponse" and is_undecided(row) else "unknown"


def kind(row: Row) -> str:
    """What is expected of a file: a rule by its key, or the kind of fault."""
    first = row["expected"][0]
    if row["resourceType"] == "QuestionnaireResponse" and not is_mutation(row):
        return "answer against its Questionnaire"
    words = f"{first.get('code') or ''} {first.get('text') or ''}"
    for each, pattern in KINDS.items():
        if match := re.search(pattern, words):
            return f"rule {match[1]}" if each == "rule " else each
    return "other"


def table(title: str, groups: list[tuple[str, bool]]) -> Iterator[str]:
    """A Markdown table: of each group how many files, how many caught, how many missed."""
    files = Counter(group for group, _ in groups)
    caught = Counter(group for group, hit in groups if hit)
    yield f"| {title} | files | caught | missed |"
    yield "|---|--:|--:|--:|"
    for group, count in sorted(files.items()):
        yield f"| {group} | {count} | {caught[group]} | {count - caught[group]} |"


def page() -> Iterator[str]:
    valid, invalid = rows("valid"), rows("invalid")
    refused = [row for row in valid if faults(row)]
    caught = {row["file"]: is_caught(row) for row in invalid}
    missed = [row for row in invalid if not caught[row["file"]]]
    undecided = [row for row in missed if reason(row) == UNKNOWN_QUESTIONNAIRE]
    sources = [("mutations of valid examples" if is_mutation(row) else row["repo"]) for row in invalid]
    yield PREFACE
    yield f"- Valid files: **{len(valid) - len(refused)} of {len(valid)}** accepted."
    yield (
        f"- {sum(bool(findings(row)) and not faults(row) for row in valid)} of these hold a resource of a type that "
        "the gateway does not take, or a modifier extension: valid, and still not stored."
    )
    yield f"- Invalid files: **{len(invalid) - len(missed)} of {len(invalid)}** caught ({share(invalid, missed)})."
    if undecided:
        yield (
            f"- {len(undecided)} of the missed are responses to a Questionnaire that is not among the files; of the "
            f"others {share(invalid, missed, without=undecided)} are caught."
        )
    if QUESTIONNAIRES:
        beside = [row for row in invalid if caught[row["file"]] and not is_caught(row, among_the_files)]
        yield (
            f"- {len(beside)} of the caught answer a Questionnaire that is not among the files, but was published "
            f"beside them (FHIR_QUESTIONNAIRES); without it, {share(invalid, [*missed, *beside])} are caught."
        )
    yield ""
    yield "## By source"
    yield ""
    yield from table("source", list(zip(sources, caught.values(), strict=True)))
    yield ""
    yield "## By rule or kind of fault"
    yield ""
    yield from table("what is expected", [(kind(row), caught[row["file"]]) for row in invalid])
    yield ""
    yield "## Each miss"
    yield ""
    yield from (f"- {name(row)}: {reason(row)}" for row in sorted(missed, key=name))
    yield ""
    yield "## Each valid file that is refused"
    yield ""
    yield from (f"- {name(row)}: {REFUSED.get(name(row), 'unknown')}" for row in sorted(refused, key=name))


def share(invalid: list[Row], missed: list[Row], without: list[Row] | None = None) -> str:
    left_out = len(without or [])
    return f"{1 - (len(missed) - left_out) / (len(invalid) - left_out):.1%}"


if __name__ == "__main__":
    if MANIFEST.exists():
        PAGE.write_text("\n".join(page()) + "\n", encoding="utf-8")
        print(PAGE.read_text(encoding="utf-8").partition("## By source")[0].strip())
    else:
        print(f"No corpus at {CORPUS}: set FHIR_CORPUS to the folder with manifest.jsonl. Nothing is written.")
