"""What a response must look like: the contract's schema of it, cut short, as JSON Schema that Postman's ajv reads."""

from typing import Any

from gateway.reference.contract import resolved

Json = dict[str, Any]

DEPTH = 2  # objects inside objects that are looked into: more of it is more to carry in each request
KEPT = ("type", "required", "enum", "const", "minItems")
R4 = "./r4.schema.json#/$defs/"


def outline(document: Json, schema: Json, depth: int = DEPTH) -> Json:
    if (reference := schema.get("$ref", "")).startswith(R4):
        return _of_fhir(reference.removeprefix(R4))
    schema = resolved(document, schema)
    kept: Json = {name: schema[name] for name in KEPT if name in schema}
    for choice in ("allOf", "anyOf", "oneOf"):
        if choice in schema:
            kept[choice] = [outline(document, one, depth) for one in schema[choice]]
    if depth and "properties" in schema:
        kept["properties"] = {name: outline(document, one, depth - 1) for name, one in schema["properties"].items()}
    if depth and isinstance(schema.get("items"), dict):
        kept["items"] = outline(document, schema["items"], depth - 1)
    return kept


def _of_fhir(name: str) -> Json:
    """Its type alone: the whole of R4 does not fit into a collection."""
    type_: Json = {"type": "string"} if name in {"Resource", "Published"} else {"const": name}
    return {"type": "object", "required": ["resourceType"], "properties": {"resourceType": type_}}
