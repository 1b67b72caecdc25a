"""gateway maps try."""

import asyncio
import json
from pathlib import Path
from typing import Annotated

import typer

from gateway.commands.maps.options import DialectsFolder, MapsFolder, chosen, screen, stop
from gateway.dialects import DialectError, translator_for
from gateway.parties import Parties, PartiesError, load_parties
from gateway.workbench.files import FileError, read_sent
from gateway.workbench.telling import as_json, tell
from gateway.workbench.trial import TRIED, invented_parties, trial_gateway, try_out, with_dialect
from mappings.check import read_maps
from mappings.documents import UnreadableMap
from mappings.translate import MAPS


def try_files(
    files: Annotated[list[Path], typer.Argument(help="FHIR Bundles, single resources, HL7 v2 messages, or folders.")],
    dialect: Annotated[str | None, typer.Option(help="The dialect that the sender speaks.")] = None,
    parties: Annotated[Path | None, typer.Option(help="A parties file: its rules, hubs and dialects count.")] = None,
    organisation: Annotated[str | None, typer.Option(help="The sender's ODS code in the parties file.")] = None,
    maps: MapsFolder = MAPS,
    dialects: DialectsFolder = None,
    as_json_: Annotated[bool, typer.Option("--json", help="As JSON, for other programs.")] = False,
) -> None:
    """Translates files as the gateway would and shows where each field came from; stores nothing. The values in the
    files are printed. Exits with 1 when one is refused."""
    chosen_settings = chosen(dialects)
    known, sender = _parties(parties, organisation)
    if dialect:
        known = with_dialect(known, sender, dialect)

    async def try_all() -> bool:
        refused = False
        told = []
        async with trial_gateway(chosen_settings, read_maps(maps), known) as gateway:
            registered = gateway.directory.organisation(sender) or {}
            by = translator_for(gateway.maps, chosen_settings.dialects_folder, registered.get("dialect"))
            for sent in read_sent(files, chosen_settings.max_body_bytes):
                tried = await try_out(gateway, sender, sent)
                refused = refused or tried.refused
                if as_json_:
                    told.append(as_json(tried, by))
                    continue
                for part in tell(tried, by):
                    screen().print(part)
        if as_json_:
            typer.echo(json.dumps(told, indent=2, ensure_ascii=False))
        return refused

    try:
        refused = asyncio.run(try_all())
    except (DialectError, FileError, UnreadableMap) as trouble:
        stop(trouble)
    raise typer.Exit(1 if refused else 0)


def _parties(file: Path | None, organisation: str | None) -> tuple[Parties, str]:
    """The parties, and the ODS code of the sender among them."""
    if file is None:
        if organisation:
            stop("--organisation needs --parties FILE: which rules, hubs and dialect does it have?")
        return invented_parties(), TRIED
    try:
        parties = load_parties(file)
    except PartiesError as mistakes:
        stop(mistakes)
    codes = [one.ods_code for one in parties.organisations]
    if organisation not in codes:
        stop(f"--organisation: expected one of {', '.join(codes)}, which {file} has.")
    return parties, organisation
