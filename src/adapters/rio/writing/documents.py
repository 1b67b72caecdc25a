"""The closing summary: one document of the referral, with a revision for each version of it."""

from typing import Any

from adapters.rio.reasons import NOT_SAVED, SHORTENED, Stop
from adapters.rio.writing.record import Record
from mappings.clinician import uk_moment
from mappings.to_rio import Document


async def hold_document(record: Record, document: Document, *, anew: bool) -> None:
    """As the next revision of the referral's document; without `anew` only when there is one."""
    held = await _document(record)
    if held is None and not anew:
        return
    if held is None or held.Description != document.description or held.FileSize != len(document.content):
        await record.calls.call(
            "AddDocument",
            ClientID=record.client.client_id,
            SerialNumber=held.SerialNumber if held and held.ClientID == record.client.client_id else None,
            Type=record.options.document_type,
            Title=document.title,
            Description=document.description,
            Author="Social prescribing gateway",
            DocumentDate=uk_moment(record.at.isoformat()).date(),
            Final=True,
            FileName=document.file_name,
            Content=document.content,
        )
        held = await _document(record)
    if held is None or held.Description != document.description:
        raise Stop(NOT_SAVED)
    if held.FileSize != len(document.content) or held.Title != document.title:
        raise Stop(SHORTENED)


async def _document(record: Record) -> Any:
    """The newest revision of the referral's document."""
    newest = None
    for client_id in record.client.client_ids:
        found = await record.read("GetDocuments", client_id)
        theirs = [one for one in found if (one.Description or "").startswith(f"{record.reference} v")]
        newest = newest or max(theirs, key=lambda one: one.RevisionID, default=None)
    return newest
