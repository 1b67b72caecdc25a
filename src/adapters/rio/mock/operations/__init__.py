"""What each SOAP operation does to the store; README.md has the rules (S1 ...)."""

from collections.abc import Callable

from adapters.rio.mock.contract import Values
from adapters.rio.mock.operations import clients, documents, lists, notes, referrals
from adapters.rio.mock.operations.call import Call, Refused

__all__ = ["OPERATIONS", "Call", "Refused"]

OPERATIONS: dict[str, Callable[[Call], Values]] = {
    "GetClient": clients.get_client,
    "GetAlerts": clients.get_alerts,
    "GetCareCoordinator": clients.get_care_coordinator,
    "AddAlternativeId": clients.add_alternative_id,
    "GetAlternativeIds": clients.get_alternative_ids,
    "GetCaseload": referrals.get_caseload,
    "GetReferrals": referrals.get_referrals,
    "CreateReferral": referrals.create_referral,
    "UpdateReferral": referrals.update_referral,
    "DischargeReferral": referrals.discharge_referral,
    "AddProgressNote": notes.add_progress_note,
    "AmendProgressNote": notes.amend_progress_note,
    "GetProgressNotes": notes.get_progress_notes,
    "AddDocument": documents.add_document,
    "GetDocuments": documents.get_documents,
    "GetLookups": lists.get_lookups,
    "GetTeams": lists.get_teams,
}
