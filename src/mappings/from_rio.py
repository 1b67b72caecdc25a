"""What RiO's GetClient tells of a person -> a FHIR Patient (UK Core), for launches of an EPR without FHIR."""

from collections.abc import Mapping
from typing import Any

from mappings.systems import NHS_NUMBER, ODS_ORGANISATION

Json = dict[str, Any]

GENDERS = {"F": "female", "M": "male", "X": "other", "U": "unknown"}
NUMBER_STATUS = "https://fhir.hl7.org.uk/StructureDefinition/Extension-UKCore-NHSNumberVerificationStatus"
STATUSES = "https://fhir.hl7.org.uk/CodeSystem/UKCore-NHSNumberVerificationStatusEngland"
CONFIDENTIALITY = "http://terminology.hl7.org/CodeSystem/v3-Confidentiality"


def patient_from(client: Mapping[str, Any], client_id_system: str) -> Json:
    """`client` is the answer's Client, dates as ISO text, without what is not known. What RiO calls sensitive is
    restricted here; an estimated date of birth is given as its year."""
    born = client.get("DateOfBirth")
    number = {"system": NHS_NUMBER, "value": client["NHSNumber"]} if client.get("NHSNumber") else None
    if number and client.get("NHSNumberStatus"):
        status = {"coding": [{"system": STATUSES, "code": client["NHSNumberStatus"]}]}
        number["extension"] = [{"url": NUMBER_STATUS, "valueCodeableConcept": status}]
    patient: Json = {
        "resourceType": "Patient",
        "id": client["ClientID"],
        "identifier": [{"system": client_id_system, "value": client["ClientID"]}, *([number] if number else [])],
        "name": [{"use": "official", "family": client["FamilyName"], "given": client["GivenNames"].split()}],
        "gender": GENDERS[client["Gender"]],
    }
    if client.get("PreferredName"):
        patient["name"].append({"use": "nickname", "given": [client["PreferredName"]]})
    if born:
        patient["birthDate"] = born[:4] if client.get("EstimatedDOB") else born
    if client.get("Phone"):
        patient["telecom"] = [{"system": "phone", "value": client["Phone"]}]
    if practice := client.get("GPPractice"):
        named = {"system": ODS_ORGANISATION, "value": practice["Code"]}
        patient["generalPractitioner"] = [
            {"type": "Organization", "identifier": named, "display": practice.get("Name") or practice["Code"]}
        ]
    if client.get("Deceased"):
        patient |= (
            {"deceasedDateTime": client["DateOfDeath"]} if client.get("DateOfDeath") else {"deceasedBoolean": True}
        )
    if client.get("Sensitive"):
        patient["meta"] = {"security": [{"system": CONFIDENTIALITY, "code": "R"}]}
    return patient
