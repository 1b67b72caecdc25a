"""Reads what a sender would send out of files: FHIR Bundles, single resources, HL7 v2 messages."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from gateway.errors import Unreadable
from gateway.validation import dump, parse

Json = dict[str, Any]

SUFFIXES = (".json", ".hl7")
SENDER = "https://sender.example/fhir"  # under which single resources name one another


class FileError(ValueError):
    """A file that is nothing anybody would send; the text names it and says what was expected."""


@dataclass(frozen=True, slots=True)
class Sent:
    """One request: its body, by which door it comes, and the file it was read from."""

    name: str
    door: Literal["transaction", "message", "hl7v2"]
    body: bytes


def read_sent(paths: Sequence[Path], most_bytes: int) -> list[Sent]:
    """One request for each Bundle and HL7 v2 message; single resources go together into one. Folders are searched for
    `request.json`, or else for all .json and .hl7 files in them. Raises FileError."""
    sent: list[Sent] = []
    single: list[tuple[Path, Json]] = []
    for path in (file for given in paths for file in _files(given)):
        body = _read(path, most_bytes)
        if body.lstrip(b"\xef\xbb\xbf \r\n").startswith(b"MSH"):
            sent.append(Sent(str(path), "hl7v2", body))
            continue
        resource = _resource(path, body)
        if resource["resourceType"] == "Bundle":
            sent.append(Sent(str(path), "message" if resource.get("type") == "message" else "transaction", body))
        else:
            single.append((path, resource))
    if single:
        name = ", ".join(str(path) for path, _ in single)
        sent.append(Sent(name, "transaction", dump(_together([resource for _, resource in single]))))
    return sent


def _files(path: Path) -> list[Path]:
    if not path.is_dir():
        return [path]
    found = sorted(path.rglob("request.json")) or sorted(one for one in path.rglob("*") if one.suffix in SUFFIXES)
    if not found:
        raise FileError(f"{path}: expected a folder with files that end in .json or .hl7.")
    return found


def _read(path: Path, most_bytes: int) -> bytes:
    try:
        if not path.is_file():
            raise FileError(f"{path}: there is no such file.")
        size = path.stat().st_size
        if size > most_bytes:
            raise FileError(f"{path}: {size:,} bytes; the gateway takes {most_bytes:,} at most.")
        return path.read_bytes()
    except OSError as trouble:
        raise FileError(f"{path}: cannot be read: {trouble.strerror}.") from None


def _resource(path: Path, body: bytes) -> Json:
    if b"\x00" in body[:4096]:
        raise FileError(f"{path}: binary; expected FHIR JSON or an HL7 v2 message.")
    try:
        resource = parse(body)
    except Unreadable as trouble:
        raise FileError(f"{path}: expected FHIR JSON or an HL7 v2 message. {trouble}") from None
    if not isinstance(resource.get("resourceType"), str):
        raise FileError(f"{path}: expected a FHIR resource: JSON with a resourceType.")
    return resource


def _together(resources: list[Json]) -> Json:
    entries = [
        {
            "fullUrl": f"{SENDER}/{one['resourceType']}/{one.get('id', number)}",
            "resource": one,
            "request": {"method": "POST", "url": one["resourceType"]},
        }
        for number, one in enumerate(resources)
    ]
    return {"resourceType": "Bundle", "type": "transaction", "entry": entries}
