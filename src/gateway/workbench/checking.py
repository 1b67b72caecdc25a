"""Checks a folder of maps and the dialects that go with it: their shape, their gaps, and their examples."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson

from gateway.dialects import dialect_files
from gateway.errors import Issue
from gateway.settings import Settings
from gateway.workbench.files import FileError, Sent, read_sent
from gateway.workbench.trial import TRIED, Tried, invented_parties, trial_gateway, try_out, with_dialect
from mappings.amendment import fields_changed
from mappings.check import check_dialect, check_maps, read_dialect, read_maps
from mappings.documents import Gap, UnreadableMap, read_document
from mappings.translate import Maps

Json = dict[str, Any]


async def check_folder(settings: Settings, folder: Path) -> list[Gap]:
    """The maps of a folder, the dialects that come with them, and those of the settings' own folder. Raises
    UnreadableMap with all that stands in the way of reading them."""
    maps = read_maps(folder)
    gaps = check_maps(maps)
    if gaps:
        return gaps  # with these a dialect cannot be tried
    unreadable: list[Gap] = []
    for name, file in dialect_files(maps, settings.dialects_folder).items():
        try:
            read_dialect(file, maps)
            found = check_dialect(file.name, read_document(file, "dialect"), maps)
        except UnreadableMap as trouble:
            unreadable += trouble.gaps
            continue
        gaps += found or await check_examples(settings, maps, name, file.with_suffix(".examples"))
    if unreadable:
        raise UnreadableMap(unreadable)
    return gaps


async def check_examples(settings: Settings, maps: Maps, dialect: str, folder: Path) -> list[Gap]:
    """Each folder in it has request.json, what the EPR sends, and referral.json, what that becomes."""
    file = folder.name
    cases = _cases(folder)
    if not cases:
        text = "expected at least one example, in a folder of its own: request.json and referral.json."
        return [Gap(file, 0, text)]
    gaps: list[Gap] = []
    async with trial_gateway(settings, maps, with_dialect(invented_parties(), TRIED, dialect)) as gateway:
        for case in cases:
            place = f"{file}/{case.name}"
            try:
                sent, expected = _read_case(case, settings.max_body_bytes)
            except (FileError, OSError, ValueError) as trouble:
                gaps.append(Gap(place, 0, f"expected request.json and referral.json: {trouble}"))
                continue
            gaps += [Gap(place, 0, text) for text in _differences(await try_out(gateway, TRIED, sent), expected)]
    return gaps


def _cases(folder: Path) -> list[Path]:
    return sorted(one for one in folder.iterdir() if one.is_dir()) if folder.is_dir() else []


def _read_case(case: Path, most_bytes: int) -> tuple[Sent, Json]:
    expected: Json = orjson.loads((case / "referral.json").read_bytes())
    return read_sent([case / "request.json"], most_bytes)[0], expected


def _differences(tried: Tried, expected: Json) -> Iterator[str]:
    if tried.refused:
        yield from (f"the gateway refuses it: {_told(one)}" for one in tried.findings if one.severity == "error")
    elif len(tried.readings) != 1:
        yield f"expected one referral; it brings {len(tried.readings)}."
    else:
        for one in fields_changed(expected, tried.readings[0].referral):
            yield f"{one['field']}: expected {one['before']!r}, but it becomes {one['after']!r}."


def _told(issue: Issue) -> str:
    return f"{issue.expression}: {issue.text}" if issue.expression else issue.text
