"""Every fault the mock knows: on which operations it can act, and how long it waits unless told."""

from dataclasses import dataclass

CREATES = frozenset({"CreateReferral"})
CHANGES = frozenset({"UpdateReferral", "DischargeReferral"})
NOTES = frozenset({"AddProgressNote", "AmendProgressNote"})
FILES = frozenset({"AddDocument"})
SOAP_WRITES = CREATES | CHANGES | NOTES | FILES | {"AddAlternativeId"}
ABOUT_CLIENT = SOAP_WRITES - CHANGES | {
    "GetProgressNotes", "GetDocuments", "GetAlternativeIds", "GetCareCoordinator", "GetAlerts", "GetReferrals",
}  # fmt: skip
SOAP = ABOUT_CLIENT | CHANGES | {"Authenticate", "GetClient", "GetCaseload", "GetLookups", "GetTeams"}
TASK = frozenset({"put-task", "get-task"})
ALL = SOAP | TASK
WRITES = SOAP_WRITES | {"put-task"}
WITH_SESSION = SOAP - {"Authenticate"} | TASK
WITH_BODY = SOAP | {"get-task"}
WITH_DATES = frozenset({"GetClient", "GetDocuments", "AddDocument"})
WITH_IDS = frozenset({"GetClient", "GetCaseload", "GetReferrals", "GetProgressNotes", "GetDocuments"})

OPERATIONS = sorted(ALL)


@dataclass(frozen=True, slots=True)
class Kind:
    operations: frozenset[str]
    seconds: float = 0


KINDS = {
    # the way there and back
    "slow": Kind(ALL, 12),
    "hang-before-commit": Kind(ALL, 60),
    "hang-after-commit": Kind(ALL, 60),
    "reset-before-commit": Kind(ALL),
    "reset-after-commit": Kind(ALL),
    "http-error": Kind(ALL),
    "downtime": Kind(ALL),
    "batch-storm": Kind(ALL, 12),
    # answers that are not what they seem
    "soap-fault": Kind(SOAP | {"put-task"}),
    "write-lost": Kind(WRITES),
    "malformed-xml": Kind(WITH_BODY),
    "truncated-xml": Kind(WITH_BODY),
    "wrong-encoding": Kind(WITH_BODY),
    "namespace-change": Kind(SOAP),
    "text-truncated": Kind(frozenset({"AddProgressNote", "AmendProgressNote", "AddDocument"}) | CREATES | CHANGES),
    "day-shift": Kind(WITH_DATES),
    "leading-zeros-lost": Kind(WITH_IDS),
    "partial-lookups": Kind(frozenset({"GetLookups"})),
    # who asks
    "certificate-refused": Kind(ALL),
    "token-expired": Kind(WITH_SESSION),
    "token-revoked": Kind(WITH_SESSION),
    "clock-skew": Kind(SOAP | {"put-task"}),
    "device-not-registered": Kind(SOAP),
    "read-only": Kind(WRITES),
    # what others do to the record meanwhile
    "record-locked": Kind(CHANGES),
    "note-chain-conflict": Kind(frozenset({"AmendProgressNote"})),
    "validation-needed": Kind(frozenset({"AmendProgressNote"})),
    "lookup-code-retired": Kind(CREATES | CHANGES | FILES | {"AddProgressNote"}),
    "referral-discharged": Kind(CHANGES),
    "team-closed": Kind(CREATES | {"UpdateReferral"}),
    "hcp-left": Kind(CREATES | {"UpdateReferral"}),
    "duplicate-client": Kind(frozenset({"GetClient"})),
    "two-nhs-numbers": Kind(frozenset({"GetClient"})),
    "nhs-number-superseded": Kind(frozenset({"GetClient"})),
    "merged-meanwhile": Kind(ABOUT_CLIENT | {"GetClient"}),
    "unmerged": Kind(ABOUT_CLIENT | {"GetClient"}),
    "deceased-meanwhile": Kind(ABOUT_CLIENT | {"GetClient"}),
    "sensitive-meanwhile": Kind(ABOUT_CLIENT | {"GetClient"}),
    "document-too-large": Kind(FILES),
}
