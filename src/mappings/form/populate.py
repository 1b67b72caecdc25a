"""What the record already says, as a response to start from: the rules stand in `populate.json`.

Source: SDC populate.html (expression-based population). Expressions are run by mappings/fhirpath.py.
"""

from collections.abc import Callable, Iterable
from typing import Any

from mappings.current import current, holds
from mappings.fhirpath import Expression, compile_expression
from mappings.fields import Filled, compile_rows, fill
from mappings.form.answers import Answer, response_from
from mappings.form.questionnaire import questions, read
from mappings.translate import code_map
from mappings.words import concept_in_words

Json = dict[str, Any]

NAMED = {"Condition": "%conditions", "Observation": "%observations", "Flag": "%flags"}


def populate(resources: Iterable[Json], at: str, subject: Json | None = None) -> Json:
    """A QuestionnaireResponse, in progress, with what these resources of the record suggest.

    `at` is the dateTime of now; what no longer holds on that day is not suggested, nor what is about somebody other
    than the Patient among the resources. Each item names in an extension the rows of populate.json it comes from.
    """
    roots = _roots(list(resources), at[:10])
    filled = Filled()
    fill(ROWS, roots, filled, filled.values)
    sources: dict[str, list[str]] = {}
    for target, _, row in filled.rows:
        sources.setdefault(target, []).append(row)
    answers = {link: _answers(link, value) for link, value in filled.values.items()}
    main = answers.get("reason", [])
    answers["other-reasons"] = [one for one in answers.get("other-reasons", []) if one not in main]
    patient: Json = next(iter(roots["Patient"]), {})
    if subject is None and "id" in patient:
        subject = {"reference": f"Patient/{patient['id']}"}
    return response_from(answers, at=at, subject=subject, sources=sources)


def _roots(resources: list[Json], day: str) -> dict[str, list[Any]]:
    patient = next((one for one in resources if one.get("resourceType") == "Patient"), None)
    roots: dict[str, list[Any]] = {"Patient": [current(patient, day)] if patient else []}
    for type_, name in NAMED.items():
        of_type = (one for one in resources if one.get("resourceType") == type_)
        roots[name] = [one for one in of_type if _is_about(one, patient) and holds(one.get("period"), day)]
    for name, expression in PICKED:
        roots[name] = expression.run(roots[expression.root])
    return roots


def _is_about(resource: Json, patient: Json | None) -> bool:
    """Whether it names nobody, or this Patient: by the end of the address, which may be that of any server."""
    named = (resource.get("subject") or {}).get("reference")
    return not named or not patient or "id" not in patient or named.split("/")[-1] == patient["id"]


def _answers(link: str, value: Any) -> list[Answer]:
    """Each once, and no longer than the question takes."""
    most = questions()[link].get("maxLength")
    given = dict.fromkeys(value if isinstance(value, list) else [value])
    return [one[:most].strip() if isinstance(one, str) else one for one in given]


def contact_value(telecom: Any) -> str | None:
    return telecom.get("value") if isinstance(telecom, dict) else None


CONVERSIONS: dict[str, Callable[[Any], Any]] = {"concept-in-words": concept_in_words, "contact-value": contact_value}
RULES = read("populate")
CONSTANTS: dict[str, str] = RULES["constants"]
PICKED: list[tuple[str, Expression]] = [
    (f"%{one['id']}", compile_expression(one["source"], CONSTANTS)) for one in RULES["roots"]
]
ROWS = compile_rows(RULES["rows"], code_map, CONVERSIONS, CONSTANTS)
