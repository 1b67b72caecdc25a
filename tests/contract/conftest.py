"""The contract as it is written, and the story that its examples tell."""

import asyncio
import json
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
import yaml
from fastapi import FastAPI
from tools.contract.story import tell
from tools.contract.telling import Exchange

Json = dict[str, Any]

ROOT = Path(__file__).parent.parent.parent
FILES = ("gateway.yaml", "platform.yaml")
AT = "https://contract.example/"


@pytest.fixture(scope="session")
def documents() -> dict[str, Json]:
    """Path prefix of each door -> its document."""
    gateway, platform = (yaml.safe_load((ROOT / "openapi" / file).read_text("utf-8")) for file in FILES)
    return {"": gateway, "/platform": platform}


@pytest.fixture(scope="session")
def schemas(documents: dict[str, Json]) -> jsonschema_rs.Registry:
    """Both documents and the R4 schemas, so that references between them lead somewhere."""
    r4 = json.loads((ROOT / "openapi/r4.schema.json").read_text("utf-8"))
    written = zip(FILES, documents.values(), strict=True)
    return jsonschema_rs.Registry([(AT + "r4.schema.json", r4), *((AT + file, document) for file, document in written)])


@pytest.fixture(scope="session")
def story() -> tuple[FastAPI, list[Exchange]]:
    return asyncio.run(tell())
