"""The small FHIRPath against an independent one (fhirpathpy), and what it refuses."""

import warnings
from collections.abc import Iterator
from functools import cache
from typing import Any

import pytest

from mappings.conversions import CONSTANTS
from mappings.fhirpath import Expression, compile_expression
from mappings.fields import Row
from mappings.to_referral import roots_of
from mappings.translator import STANDARD

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # its parser library's
    import fhirpathpy
    from fhirpathpy.models import models

PATIENT = {
    "resourceType": "Patient",
    "active": True,
    "name": [
        {"use": "official", "family": "Example", "given": ["Ann", "May"]},
        {"use": "nickname", "given": ["Annie"]},
        {"text": "A. O'Example"},
    ],
    "deceasedBoolean": False,
    "extension": [{"url": "urn:a", "extension": [{"url": "b", "valueCoding": {"code": "c"}}]}],
}

EXPRESSIONS = [
    "Patient",
    "Patient.name.given",
    "Patient.name.given[1]",
    "Patient.name[1].given",
    "Patient.name.first().family",
    "Patient.name[7].family",
    "Patient.name.where(use = 'nickname').given",
    "Patient.name.where(use != 'nickname').given",
    "Patient.name.where(use.exists().not()).text",
    "Patient.name.where(use.exists() and family.exists()).given",
    "Patient.name.where(use = 'nickname' or use.exists().not()).exists()",
    "Patient.name.where((use = 'official' or use = 'nickname') and given = 'Annie').use",
    "Patient.name.where(text = 'A. O\\'Example').exists()",
    "Patient.name.where(text.matches('^A')).text",
    "Patient.where(active = true).name.family",
    "Patient.where(name.where(use = 'old').exists()).active",
    "Patient.deceased.ofType(boolean)",
    "Patient.deceased",
    "Patient.extension('urn:a').extension('b').value.code",
    "Patient.extension('urn:a').extension('b').value.ofType(Coding).code",
    "Patient.extension('urn:none').value",
    "Patient.period.end.exists()",
]


@cache
def reference(text: str) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return fhirpathpy.compile(text, models["r4"])


def second_opinion(expression: Expression, nodes: list[Any]) -> list[Any]:
    """What fhirpathpy says.

    It loses the type of resources in %variables, so they are handed over in a Bundle; and it knows no `$this` outside
    of a function, which is the input as it is.
    """
    text = expression.text
    if text in (expression.root, "$this"):
        return nodes
    if expression.root.startswith("%"):
        text = text.replace(expression.root, "Bundle.entry.resource")
        nodes = [{"resourceType": "Bundle", "entry": [{"resource": node} for node in nodes]}]
    return list(reference(text)(nodes, dict(CONSTANTS)))


@pytest.mark.parametrize("text", EXPRESSIONS)
def test_the_subset_means_what_fhirpath_says(text: str) -> None:
    expression = compile_expression(text)
    assert expression.run([PATIENT]) == second_opinion(expression, [PATIENT])


def items(row: Row, nodes: list[Any]) -> Iterator[tuple[Expression, list[Any]]]:
    """Each expression of the rows for an item, with each item it is run on."""
    for inner in row.each:
        for expression in inner.sources:
            yield from ((expression, [node]) for node in nodes)


def test_every_expression_of_the_map_means_what_fhirpath_says(example: Any) -> None:
    roots = roots_of(example.sources)
    for row in STANDARD.rows:
        for expression in row.sources:
            nodes = roots[expression.root]
            found = expression.run(nodes) if nodes else []
            if nodes and row.target != "route":  # the route is a word, not a resource
                assert found == second_opinion(expression, nodes), expression.text
            for inner, item in items(row, found):
                assert inner.run(item) == second_opinion(inner, item), f"{expression.text} -> {inner.text}"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("Patient.name.", "needs more"),
        ("Patient.name.where(use = 'a'", r"needs \)"),
        ("Patient.name.given.count()", r"does not know count\(\)"),
        ("Patient.name family", "does not end"),
        ("Patient.name | Patient.contact", "a sign that is not understood"),
        ("Patient.name[given]", "needs a number"),
        ("(" * 5_000, "5,000 parts; 200 at most"),
        ("Patient.identifier.where(system.matches(%unknown))", "needs a text"),
    ],
)
def test_what_is_outside_the_subset_is_refused_with_its_place(text: str, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        compile_expression(text)


def test_shapes_that_no_schema_would_pass_do_not_break_it() -> None:
    odd = {"resourceType": "Patient", "name": ["text", None, {"given": [None, "Ann"]}], "extension": "none"}
    assert compile_expression("Patient.name.given").run([odd]) == [None, "Ann"]
    assert compile_expression("Patient.extension('urn:a').value").run([odd]) == []
    assert compile_expression("Patient.name.where(use = 'official').family").run([odd]) == []
