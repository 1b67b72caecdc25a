"""What each page of /docs shows: the values of its template."""

from typing import Any

from gateway.profile import CONFIGURABLE, RULES
from gateway.profile.table import NHS_NUMBER_CHECK
from gateway.reference.contract import Door, Json, Operation, doors, resolved
from gateway.reference.refusals import refusals
from gateway.reference.shapes import fields, kind_of

WHO = {"fhir": "demo-epr", "platform": "demo-platform"}  # of whom a token is, where an example does not say


def of_start(base: str) -> Json:
    return {"base": base}


def of_rules() -> Json:
    def agreed(key: str) -> str:
        if key == NHS_NUMBER_CHECK:
            return "by the entry nhs_number_check"
        return "yes" if key in CONFIGURABLE else "no, it is the same for every sender"

    return {"rules": RULES, "agreed": agreed, "refusals": list(refusals())}


def of_shapes(name: str) -> Json:
    schemas = doors()[name].document["components"]["schemas"]
    shapes = {
        one: (schema, list(fields(schema, name)), kind_of(schema, name)) for one, schema in sorted(schemas.items())
    }
    return {"door": doors()[name], "shapes": shapes}


def of_operation(name: str, id_: str) -> Json:
    door = doors()[name]
    operation = door.operations[id_]
    by_status: dict[str, list[Any]] = {}
    for one in refusals():
        by_status.setdefault(str(one.error.status), []).append(one)
    return {
        "door": door,
        "operation": operation,
        "body": _body(door, operation.said),
        "answers": _answers(door, operation.said),
        "refusals": by_status,
        "scopes": _scopes(door, operation),
        "client": next((one.client for one in operation.examples if one.client), WHO[name]),
        "kind": lambda schema: kind_of(schema, name),
    }


def of_pushes(name: str) -> Json:
    door = doors()[name]
    pushes = [
        {
            "id": said["operationId"],
            "method": method,
            "summary": _capitalised(said["summary"].partition(": ")[2]),
            "description": said["description"],
            "parameters": said["parameters"],
            "body": _body(door, said),
            "examples": _examples(said),
            "answers": _answers(door, said),
        }
        for method, said in door.pushes
    ]
    return {"door": door, "pushes": pushes, "kind": lambda schema: kind_of(schema, name)}


def _capitalised(text: str) -> str:
    return text[:1].upper() + text[1:]


def _examples(said: Json) -> Json:
    """Of what is sent; of a request without a body, of what is answered."""
    content = said.get("requestBody", said["responses"].get("200", {})).get("content", {})
    return {name: one for each in content.values() for name, one in each.get("examples", {}).items()}


def _answers(door: Door, said: Json) -> list[tuple[str, Json]]:
    return [(status, resolved(door.document, one)) for status, one in said["responses"].items()]


def _body(door: Door, operation: Json) -> list[Json]:
    """What the body may be: media type, kind, and its fields where it is a shape of the door's."""
    said = []
    for media_type, content in operation.get("requestBody", {}).get("content", {}).items():
        schema = content["schema"]
        whole = resolved(door.document, schema) if schema.get("$ref", "#").startswith("#") else {}
        rows = list(fields(whole.get("items", whole), door.name)) if "allOf" not in whole else []
        kind = kind_of(whole if "allOf" in whole else schema, door.name)
        said.append({"media_type": media_type, "kind": kind, "fields": rows, "words": whole.get("description", "")})
    return said


def _scopes(door: Door, operation: Operation) -> list[str] | None:
    """Those that a token needs one of; None when it needs no token."""
    needed = operation.said.get("security", door.document.get("security", []))
    return list(needed[0].get("oauth2", [])) if needed and "oauth2" in needed[0] else None
