"""Identifier and code systems that more than one module needs, and their tidy form.

Senders write the same system in several ways (other case, http, the STU3 host, a trailing slash): match leniently,
pass on the canonical form. Sources: UK Core 2.6 identifier systems; the variants are those seen in NHS examples.
"""

import re
from functools import lru_cache
from typing import Any

SNOMED = "http://snomed.info/sct"
UCUM = "http://unitsofmeasure.org"
TASK_CODE = "http://hl7.org/fhir/CodeSystem/task-code"

NHS_NUMBER = "https://fhir.nhs.uk/Id/nhs-number"
ODS_ORGANISATION = "https://fhir.nhs.uk/Id/ods-organization-code"
ODS_SITE = "https://fhir.nhs.uk/Id/ods-site-code"
DOS_SERVICE = "https://fhir.nhs.uk/Id/dos-service-id"

# Ours. A project without a web domain of its own names its systems by URN.
BASE = "urn:social-prescribing-gateway"
REFERENCE_SYSTEM = f"{BASE}:Id:referral-reference"
HUB_SYSTEM = f"{BASE}:Id:hub"
FORM_SYSTEM = f"{BASE}:Id:referral-form"  # what a referral written on our form is called before it has a reference


def code_system(name: str) -> str:
    """The url of one of our own vocabularies (`maps/<name>.CodeSystem.json`)."""
    return f"{BASE}:CodeSystem:{name}"


_OTHERS = [
    "https://fhir.nhs.uk/Id/sds-user-id",
    "https://fhir.nhs.uk/Id/sds-role-profile-id",
    "https://fhir.nhs.uk/Id/UBRN",
    "https://fhir.nhs.uk/Id/BaRS-Identifier",
    "https://fhir.hl7.org.uk/Id/gmc-number",
    "https://fhir.hl7.org.uk/Id/nmc-number",
    "https://fhir.hl7.org.uk/Id/gphc-number",
    "https://fhir.hl7.org.uk/Id/hcpc-number",
    "https://fhir.hl7.org.uk/Id/gmp-number",
]
_ALSO = {NHS_NUMBER: r"urn:oid:2\.16\.840\.1\.113883\.2\.1\.4\.1"}  # the NHS number in HL7 v2 and CDA


def pattern(*systems: str) -> str:
    """A regular expression for any spelling of these systems; it also stands in FHIRPath `matches()`."""
    spellings = []
    for system in systems:
        host, _, path = system.removeprefix("https://").partition("/")
        hosts = r"fhir\.nhs\.(uk|net)" if host == "fhir.nhs.uk" else re.escape(host)
        spellings.append(f"https?://{hosts}/{path}/?")
        spellings += [_ALSO[system]] if system in _ALSO else []
    return f"(?i)^({'|'.join(spellings)})$"


_SPELLINGS = [
    (re.compile(pattern(system)), system) for system in [NHS_NUMBER, ODS_ORGANISATION, ODS_SITE, DOS_SERVICE, *_OTHERS]
]


@lru_cache(maxsize=1024)  # few systems come again and again
def canonical(system: str) -> str:
    """The canonical spelling of a system we know; any other as it came."""
    return next((known for spelling, known in _SPELLINGS if spelling.match(system)), system)


def is_nhs_number_system(system: object) -> bool:
    return isinstance(system, str) and canonical(system) == NHS_NUMBER


def is_ods_system(system: object) -> bool:
    """Whether values of this system are ODS codes, of an organisation or of a site."""
    return isinstance(system, str) and canonical(system) in (ODS_ORGANISATION, ODS_SITE)


def reference_identifier(reference: str) -> dict[str, Any]:
    """The gateway's reference as a FHIR Identifier, marked as the filler's (v2-0203, as BSeR does)."""
    kind = {"system": "http://terminology.hl7.org/CodeSystem/v2-0203", "code": "FILL", "display": "Filler Identifier"}
    return {"type": {"coding": [kind]}, "system": REFERENCE_SYSTEM, "value": reference}
