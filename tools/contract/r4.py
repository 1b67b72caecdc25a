"""openapi/r4.schema.json: the R4 schemas that the gateway checks by, in words for readers outside."""

import json
from importlib.resources import files
from typing import Any

from gateway.fhir.terminology import TYPES

Json = dict[str, Any]


def r4_schemas() -> str:
    """JSON, one type a line. What stands in a Bundle or is contained is one of the types that the gateway takes."""
    source = json.loads(files("mappings").joinpath("r4/r4.schema.json").read_text("utf-8"))
    types = {name: _described(schema) for name, schema in source["$defs"].items()}
    types["Published"] = {
        "description": "What the gateway itself publishes; in outline here.",
        "type": "object",
        "properties": {"resourceType": {"enum": ["CapabilityStatement", *TYPES]}},
        "required": ["resourceType"],
    }
    types["Resource"] = {
        "description": "A resource of any type that the gateway takes or gives.",
        "oneOf": [{"$ref": f"#/$defs/{name}"} for name in [*source["x-accepted"], "Published"]],
    }
    lines = ",\n".join(f"{json.dumps(name)}: {json.dumps(schema)}" for name, schema in types.items())
    head = json.dumps({"$schema": source["$schema"], "$comment": source["$comment"]}, indent=0)
    return f'{head.removesuffix("}").rstrip()},\n"$defs": {{\n{lines}\n}}\n}}\n'


def _described(schema: Any) -> Any:
    """Without the gateway's own annotations (`x-...`), whose words become the description."""
    if isinstance(schema, list):
        return [_described(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    words = _words(schema)
    kept = {name: _described(value) for name, value in schema.items() if not name.startswith("x-")}
    return {"description": words} | kept if words else kept


def _words(schema: Json) -> str | None:
    match schema:
        case {"x-rule": rule, "x-text": text}:
            return f"{rule}: {text}"
        case {"x-targets": [*targets]}:
            return f"May refer only to: {', '.join(targets)}."
        case {"x-binding": value_set}:
            return f"Required binding: {value_set}"
        case {"x-format": words}:
            return f"Must be {words}."
    return None
