"""What the generated R4 schemas say about one resource, in words that help: no value, but element, rule and remedy."""

from collections.abc import Iterator
from functools import cache
from itertools import islice
from typing import Any

import jsonschema_rs
from jsonschema_rs import ValidationErrorKind as Kind

from gateway.errors import Issue, quoted, shown
from gateway.validation.schema import Json, schemas
from gateway.validation.survey import ELE_1, Path

MOST = 100  # findings of one body: enough to mend it by, and an end to the work a hostile one can make
LARGE = 10_000  # weight of one resource
_JSON_WORDS = {
    "array": "a JSON array: it repeats in R4",
    "object": "a JSON object",
    "string": "a JSON string",
    "number": "a JSON number",
    "integer": "a whole JSON number",
    "boolean": "true or false, without quotes",
}


@cache
def _registry() -> jsonschema_rs.Registry:
    return jsonschema_rs.Registry([("urn:r4", schemas())])


@cache
def _validator(resource_type: str) -> jsonschema_rs.Draft202012Validator:
    """Compiled at its first use (10 ms each), with the linear-time regex engine."""
    return jsonschema_rs.Draft202012Validator(
        {"$ref": f"urn:r4#/$defs/{resource_type}"},
        registry=_registry(),
        pattern_options=jsonschema_rs.RegexOptions(),
    )


def structure(resource: Json, weight: int) -> list[Issue]:
    """Findings of the R4 schema for a resource of a supported type; expressions start at its type.

    Of a resource whose `weight` is over LARGE only the first: each error costs up to 1 ms to make, needed or not.
    """
    root: str = resource["resourceType"]
    validator = _validator(root)
    if validator.is_valid(resource):
        return []
    found: dict[tuple[str | None, str], Issue] = {}
    for error in islice(_errors(validator, resource, first_only=weight > LARGE), MOST):
        for issue in _explain(error, root):
            found.setdefault((issue.expression, issue.text if issue.code == "invariant" else issue.code), issue)
    for element, code in list(found):
        if code in ("structure", "value"):  # a number as a code is also none of the codes: the type says enough
            found.pop((element, "code-invalid"), None)
    return list(found.values())


def _errors(
    validator: jsonschema_rs.Draft202012Validator, resource: Json, *, first_only: bool
) -> Iterator[jsonschema_rs.ValidationError]:
    if not first_only:
        yield from validator.iter_errors(resource)
        return
    try:
        validator.validate(resource)
    except jsonschema_rs.ValidationError as error:
        yield error


def expression(root: str, path: Path) -> str:
    """The FHIRPath of a JSON path: indexes kept, typed names of choices and `_` companions read as their element."""
    choices = schemas()["x-choices"]
    steps = [
        f"[{step}]" if isinstance(step, int) else f".{choices.get(step.lstrip('_'), shown(step.lstrip('_')))}"
        for step in path
    ]
    return root + "".join(steps)


def _explain(error: jsonschema_rs.ValidationError, root: str) -> Iterator[Issue]:
    notes, below = _notes(error.schema_path)
    path = error.instance_path
    if "x-rule" in notes:
        element = expression(root, path[: len(path) - below])
        yield Issue("invariant", f"{element} breaks {notes['x-rule']}: {notes['x-text']}.", element)
        return
    element = expression(root, path)
    match error.kind:
        case Kind.Not() if "x-choice" in notes:
            chosen = f"{element}.{notes['x-choice']}"
            text = f"{chosen} is given in more than one type. Send one of them."
            yield Issue("structure", text, chosen.removesuffix("[x]"))
        case Kind.Not() if "x-choice-required" in notes:
            chosen = f"{element}.{notes['x-choice-required']}"
            text = f"{chosen} is required. Add it in one of its types."
            yield Issue("required", text, chosen.removesuffix("[x]"))
        case Kind.Required(name):
            yield _required(element, name)
        case Kind.AdditionalProperties(names):
            for name in names[:MOST]:
                text = f"{element} has no element {quoted(name)} in FHIR R4. Remove it, or send it as an extension."
                yield Issue("structure", text, f"{element}.{shown(name)}")
        case Kind.AnyOf(context):
            yield from _explain_any_of(context, notes, element, root)
        case _:
            code, text = _say(error, notes)
            yield Issue(code, f"{element} {text}", element)


def _explain_any_of(
    context: list[list[jsonschema_rs.ValidationError]], notes: Json, element: str, root: str
) -> Iterator[Issue]:
    """Of alternatives that all fail, the one that was meant: the first."""
    if "x-targets" in notes:
        element = element.rpartition(".")[0]
        yield Issue("structure", f"{element} may refer only to: {', '.join(notes['x-targets'])}.", element)
    elif "x-codes" in notes:
        text = f"{element} needs a coding with one of: {', '.join(notes['x-codes'])} ({_binding(notes)})."
        yield Issue("code-invalid", text, element)
    else:
        for error in context[0]:
            yield from _explain(error, root)


def _say(error: jsonschema_rs.ValidationError, notes: Json) -> tuple[str, str]:
    """Issue code and the rest of the sentence that starts with the element."""
    match error.kind:
        case Kind.Type() if error.instance is None:
            return "structure", "is null. Leave the element out when there is no value."
        case Kind.Type(types):
            wanted = " or ".join(_JSON_WORDS.get(each, each) for each in types)
            composite = isinstance(error.instance, dict | list) or types[0] in ("array", "object")
            return ("structure" if composite else "value"), f"must be {wanted}."
        case _ if error.instance == "":
            return "value", "is an empty string. Leave the element out when there is no value."
        case Kind.Enum(options):
            allowed = [option for option in options if isinstance(option, str)]
            return "code-invalid", f"must be one of {', '.join(allowed)} ({_binding(notes)})."
        case Kind.Pattern():
            return "value", f"must be {notes.get('x-format', 'in the form FHIR R4 gives for its type')}."
        case Kind.MinItems():
            return "structure", "is an empty array. Leave the element out when there is nothing to say."
        case Kind.MinProperties():
            return ELE_1.code, ELE_1.text
        case Kind.Minimum(limit):
            return "value", f"must be {limit} or more."
        case Kind.Maximum(limit):
            return "value", f"must be {limit} or less."
        case _:
            return "structure", "is not as FHIR R4 defines it."


def _required(element: str, name: str) -> Issue:
    return Issue("required", f"{element}.{name} is required. Add it.", f"{element}.{name}")


def _binding(notes: Json) -> str:
    return f"required binding {notes.get('x-binding', '')}"


def _notes(schema_path: Path) -> tuple[Json, int]:
    """The annotations (x-...) of the fragment that failed, and how many steps below a rule's own element it failed."""
    fragment: Any = schemas()
    notes: Json = {}
    below = 0
    for number, step in enumerate(schema_path[:-1]):
        fragment = fragment[step]
        if "x-rule" in notes:
            below += step == "items" or schema_path[number - 1] in ("properties", "prefixItems")
        elif isinstance(fragment, dict):
            notes = {key: each for key, each in fragment.items() if key.startswith("x-")}
    return notes, below
