"""Somebody follows the contract: sends its examples, in the story's order, to a gateway that never saw them."""

import json
import re
import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import jsonschema_rs
import pytest
from fastapi import FastAPI
from tests.app import Running, start
from tests.contract.conftest import AT, FILES
from tools.contract.documents import operations_of, resolved
from tools.contract.telling import Exchange

Json = dict[str, Any]
Story = tuple[FastAPI, list[Exchange]]

MADE = re.compile(r"01981f3e-6b7a-7c3d-9e21-\d{12}")  # the ids in the examples


@pytest.fixture
async def gateway(sqlite_template: Path, tmp_path: Path) -> AsyncIterator[Running]:
    shutil.copy(sqlite_template, tmp_path / "gateway.db")
    running = await start(f"sqlite+aiosqlite:///{tmp_path}/gateway.db", tmp_path)
    yield running
    await running.http.aclose()
    await running.store.close()


def door_of(documents: dict[str, Json], path: str) -> tuple[str, Json]:
    """File name and content of the document that describes this path."""
    prefix = "/platform" if path.startswith("/platform") else ""
    return FILES[bool(prefix)], documents[prefix]


def findings(schemas: jsonschema_rs.Registry, place: str, value: Any) -> list[str]:
    """What is wrong with the value by the schema at that place, e.g. gateway.yaml#/paths/~1_ping/get/..."""
    validator = jsonschema_rs.Draft202012Validator({"$ref": AT + place}, registry=schemas, validate_formats=True)
    return [f"{place}: {error.message[:300]}" for error in validator.iter_errors(value)]


def described(document: Json, method: str, path: str, status: int, media_type: str) -> str:
    """The place of the schema of an answer, within its document."""
    response = operations_of(document)[method, path]["responses"][str(status)]
    step = path.replace("~", "~0").replace("/", "~1")
    place = response.get("$ref", f"#/paths/{step}/{method.lower()}/responses/{status}")
    assert media_type in resolved(document, response)["content"], (method, path, status, media_type)
    return f"{place}/content/{media_type.replace('/', '~1')}/schema"


def learn(shown: Any, real: Any, names: dict[str, str]) -> None:
    """Finds what the gateway calls what the example calls otherwise."""
    if isinstance(shown, dict) and isinstance(real, dict):
        for name in shown.keys() & real.keys():
            learn(shown[name], real[name], names)
    elif isinstance(shown, list) and isinstance(real, list):
        for one, other in zip(shown, real, strict=False):
            learn(one, other, names)
    elif isinstance(shown, str) and isinstance(real, str):
        names |= dict(zip(MADE.findall(shown), re.findall(MADE.pattern.replace("01981f3e-6b7a-7c3d-9e21-\\d{12}", "[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"), real), strict=False))
