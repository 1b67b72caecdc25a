"""What a JSON or YAML block of a document is, and what is wrong with it, by the product's own checks."""

import json
import re
from collections.abc import Callable
from typing import Any

import yaml
from joserfc.jwk import ECKey
from pydantic import TypeAdapter, ValidationError
from tests.guides.blocks import Block

from adapters.rio.mock.faults import read_faults
from adapters.rio.mock.mistakes import MockError
from gateway import changes
from gateway.contract.config import Config
from gateway.parties import PartiesError, read_parties
from gateway.parties.shapes import Organisation
from gateway.validation import check

Json = dict[str, Any]
KEY: Json = ECKey.generate_key("P-384", auto_kid=True).as_dict(private=False)
SECRET = "whsec_" + "c2VjcmV0" * 4
ODS = "XND01"
NAMES = set(Organisation.model_fields)
BODY: TypeAdapter[changes.Change] = TypeAdapter(changes.Change)


def mistakes_in(block: Block) -> list[str]:
    """What is wrong with it, or that nobody knows what it is."""
    try:
        said = _read(block)
    except ValueError as mistake:
        return [f"{block.place}: {mistake}"]
    for is_one, judge in KINDS:
        if isinstance(said, dict) and is_one(said):
            return [f"{block.place}: {mistake}" for mistake in judge(said)]
    return [f"{block.place}: this is no resource, party, event, change, faults or scrape configuration"]


def _read(block: Block) -> Any:
    """Its value. A part of a parties file may stand there without the braces around it."""
    if block.language == "yaml":
        return yaml.safe_load(block.text)
    text = block.text.replace("whsec_...", SECRET).replace("Bearer ...", "Bearer abc")
    return json.loads("{" + text + "}" if text.lstrip().startswith('"') else text)


def _resource(said: Json) -> list[str]:
    return [issue.text for issue in check(said)]


def _party(said: Json) -> list[str]:
    """As it would stand in a whole parties file."""
    said = _with_keys(said)
    file: Json = {
        "organisations": [{"ods_code": ODS, "name": "Northdale"}],
        "hubs": [],
        "clients": [],
        "destinations": [],
    }
    if "role" in said:
        file["clients"] = [said]
    elif NAMES & said.keys():
        file["organisations"] = [{"ods_code": ODS, "name": "Northdale"} | said]
    else:
        file |= said
    _complete(file)
    try:
        read_parties(file, "it")
    except PartiesError as mistakes:
        return str(mistakes).splitlines()
    return []


def _with_keys(said: Any) -> Any:
    """With real keys where the document says that there are some."""
    if isinstance(said, list):
        return [_with_keys(one) for one in said]
    if not isinstance(said, dict):
        return said
    if said.get("x") == "...":
        return KEY | {"kid": said["kid"]}
    said = {name: _with_keys(value) for name, value in said.items()}
    if "role" in said and "scopes" in said and said.pop("keys_file", None):
        said["jwks"] = {"keys": [KEY]}
    return said


def _complete(file: Json) -> None:
    """Adds what the part names and leaves out: its organisations, hubs and clients."""
    named = [
        *file["clients"],
        *file["destinations"],
        *(
            dict(one, organisation=organisation["ods_code"], id=one["client"], role="epr")
            for organisation in file["organisations"]
            for one in [*organisation.get("eprs", []), *organisation.get("hl7v2", [])]
        ),
    ]
    known = {one["ods_code"] for one in file["organisations"]}
    for ods_code in sorted({one["organisation"] for one in named} - known):
        file["organisations"].append({"ods_code": ods_code, "name": ods_code})
    hubs = {hub: one["organisation"] for one in named for hub in one.get("hubs", [])}
    for hub, organisation in hubs.items():
        if hub not in {one["id"] for one in file["hubs"]}:
            file["hubs"].append({"id": hub, "name": hub})
        named.append({"id": f"{hub}-platform", "organisation": organisation, "role": "platform", "hubs": [hub]})
    for one in named:
        if one.get("role") and one["id"] not in {client["id"] for client in file["clients"]}:
            hub_ids = one.get("hubs", []) if one["role"] == "platform" else []
            client = {"id": one["id"], "organisation": one["organisation"], "role": one["role"], "hubs": hub_ids}
            file["clients"].append(client | {"scopes": [], "jwks": {"keys": [KEY]}})


def _event(said: Json) -> list[str]:
    """CloudEvents 1.0: what is required, and that the attributes are those that are sent."""
    required = {"specversion", "id", "source", "type"}
    sent = required | {"subject", "time", "sequence", "dataref", "datacontenttype", "data"}
    named = [f"{name} is missing" for name in sorted(required - said.keys())]
    named += [f"{name} is not sent" for name in sorted(said.keys() - sent)]
    if not re.fullmatch(r"social-prescribing-gateway\.referral\.[a-z-]+", said["type"]):
        named.append("type is none that is sent")
    return named


def _change(said: Json) -> list[str]:
    try:
        BODY.validate_python(said)
    except ValidationError as mistakes:
        return [str(mistakes)]
    return []


def _faults(said: Json) -> list[str]:
    try:
        read_faults(yaml.safe_dump(said).encode(), "it")
    except MockError as mistake:
        return [str(mistake)]
    return []


def _scrape(said: Json) -> list[str]:
    return [] if all(one.keys() >= {"job_name", "static_configs"} for one in said["scrape_configs"]) else ["no job"]


def _contract(said: Json) -> list[str]:
    try:
        Config.model_validate(said)
    except ValidationError as mistakes:
        return [str(mistakes)]
    return []


def _cue(said: Json) -> list[str]:
    """What `gateway contract run` posts to a counterpart that can be driven."""
    return [] if said.keys() == {"test", "do", "say", "with", "gateway"} else ["this is not what a cue says"]


KINDS: list[tuple[Callable[[Json], bool], Callable[[Json], list[str]]]] = [
    (lambda said: "resourceType" in said, _resource),
    (lambda said: {"rules", "seed"} <= said.keys(), _faults),
    (lambda said: "specversion" in said, _event),
    (lambda said: isinstance(said.get("clients"), dict), _contract),
    (lambda said: {"test", "do"} <= said.keys(), _cue),
    (lambda said: bool({*NAMES, "organisations", "destinations", "clients"} & said.keys()) or "role" in said, _party),
    (lambda said: "scrape_configs" in said, _scrape),
    (lambda said: bool({"to", "mechanism", "kind", "attendance", "tool", "decision"} & said.keys()), _change),
]
