"""The contract as it is written: what it says of an operation, and whether a real body or answer is so."""

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import jsonschema_rs
import yaml
from tools.contract.documents import operations_of

from gateway.reference.contract import resolved

Json = dict[str, Any]

FOLDER = Path(__file__).parent.parent.parent / "openapi"
UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
AT = "https://contract.example/"


@dataclass(frozen=True)
class Written:
    gateway: Json
    platform: Json
    schemas: jsonschema_rs.Registry

    @property
    def operations(self) -> list[tuple[str, str]]:
        """(METHOD, path) of both documents."""
        return [*operations_of(self.gateway), *operations_of(self.platform)]

    def operation(self, method: str, path: str) -> Json:
        return operations_of(self._document(path)[1])[method, path]

    def is_open(self, method: str, path: str) -> bool:
        """Whether it needs no token."""
        return self.operation(method, path).get("security") == []

    def body(self, method: str, path: str, example: str) -> Any:
        """The request that the example of this name shows."""
        (content,) = self.operation(method, path)["requestBody"]["content"].values()
        return content["examples"][example]["value"]

    def wrong_in_body(self, method: str, path: str, body: Any) -> list[str]:
        (media_type,) = self.operation(method, path)["requestBody"]["content"]
        return self._findings(path, f"{_place(method, path)}/requestBody/content/{_step(media_type)}/schema", body)

    def pushed(self, name: str, method: str) -> Json:
        """The webhook of this name: what others serve, and the gateway calls."""
        hooks = self.gateway["webhooks"] | self.platform["webhooks"]
        found: Json = hooks[name][method]
        return found

    def wrong_in_pushed(self, name: str, method: str, body: Any) -> list[str]:
        path = "" if name in self.gateway["webhooks"] else "/platform"
        (media_type,) = self.pushed(name, method)["requestBody"]["content"]
        place = f"#/webhooks/{name}/{method}/requestBody/content/{_step(media_type)}/schema"
        return self._findings(path, place, body)

    def wrong_in_answer(self, method: str, path: str, answer: httpx.Response) -> list[str]:
        """What differs from what is said of this status and media type; nothing is said of an empty answer."""
        if not answer.content:
            return []
        status, media_type = str(answer.status_code), answer.headers["content-type"].partition(";")[0]
        response = self.operation(method, path)["responses"].get(status, {"content": {}})
        if media_type not in resolved(self._document(path)[1], response)["content"]:
            return [f"{method} {path}: nothing is said of {status} {media_type}"]
        place = response.get("$ref", f"{_place(method, path)}/responses/{status}")
        content = answer.json() if media_type.endswith("json") else answer.text
        return self._findings(path, f"{place}/content/{_step(media_type)}/schema", content)

    def _document(self, path: str) -> tuple[str, Json]:
        if path.startswith("/platform"):
            return "platform.yaml", self.platform
        return "gateway.yaml", self.gateway

    def _findings(self, path: str, place: str, value: Any) -> list[str]:
        address = AT + self._document(path)[0] + quote(place, safe="/#~$+")
        validator = jsonschema_rs.Draft202012Validator({"$ref": address}, registry=self.schemas, validate_formats=True)
        return [f"{address} {error.instance_path}: {error.message[:300]}" for error in validator.iter_errors(value)]


def load(file: Path) -> Json:
    """By libyaml where it is there: ten times as fast."""
    document: Json = yaml.load(file.read_text("utf-8"), getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    return document


def read_contract() -> Written:
    gateway, platform = (load(FOLDER / name) for name in ("gateway.yaml", "platform.yaml"))
    r4 = json.loads((FOLDER / "r4.schema.json").read_text("utf-8"))
    named = {"gateway.yaml": gateway, "platform.yaml": platform, "r4.schema.json": r4}
    return Written(gateway, platform, jsonschema_rs.Registry([(AT + name, one) for name, one in named.items()]))


def _place(method: str, path: str) -> str:
    return f"#/paths/{_step(path)}/{method.lower()}"


def _step(name: str) -> str:
    """As a step of a JSON pointer (RFC 6901)."""
    return name.replace("/", "~1")


def learn(shown: Any, real: Any, names: dict[str, str]) -> None:
    """Adds what the gateway calls what the example calls otherwise: id in the example -> id here."""
    if isinstance(shown, dict) and isinstance(real, dict):
        for name in shown.keys() & real.keys():
            learn(shown[name], real[name], names)
    elif isinstance(shown, list) and isinstance(real, list):
        for one, other in zip(shown, real, strict=False):
            learn(one, other, names)
    elif isinstance(shown, str) and isinstance(real, str):
        names.update(zip(UUID.findall(shown), UUID.findall(real), strict=False))
