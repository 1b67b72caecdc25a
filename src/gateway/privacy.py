"""Where restricted people live, can be reached and have their GP is neither stored nor passed on.

PDS marks a record restricted (R), very restricted (V) or REDACTED in `meta.security` (v3-Confidentiality). Of such a
Patient the address, telecoms and GP are left out, of their contacts and RelatedPersons the address and telecoms, and of
answers to the referral form the telephone number; so are narratives, which repeat them, and records of the GP that
nothing else refers to. Words that people write (notes, descriptions, letters) are not searched: what a sender puts
there is kept and shown. What was stored before the person was marked is taken out of the store again
(gateway.revise.restricting).
"""

from collections.abc import Collection, Iterator
from typing import Any

from gateway.errors import Issue, Rejected
from mappings.form import is_ours, without_reach

Json = dict[str, Any]
RESTRICTED = frozenset({"R", "V", "REDACTED"})
LABEL = {"system": "http://terminology.hl7.org/CodeSystem/v3-Confidentiality", "code": "R", "display": "restricted"}
REACH = ("address", "telecom")
LEFT_OUT = {"Patient": (*REACH, "generalPractitioner", "text"), "RelatedPerson": (*REACH, "text")}
ABOUT = {"RelatedPerson": "patient", "QuestionnaireResponse": "subject"}  # what tells how somebody else is reached
PLACED = ("valueAddress", "valueContactPoint")  # extensions that say where somebody is
PRACTICES = frozenset({"Organization", "Practitioner", "PractitionerRole", "Location", "HealthcareService"})


def withhold(resource: Json) -> Json:
    """The resource without what must not be known of restricted people; the same object when there is nothing.

    People are looked for in the resource itself, in its contained resources and in the entries of a Bundle.
    """
    if _type(resource) == "Bundle":
        return _of_bundle(resource)
    inner = _objects(resource.get("contained"))
    if not is_restricted(resource) and not any(map(is_restricted, inner)):
        return resource
    around = {name: value for name, value in resource.items() if name != "contained"}
    neighbours = [around, *inner]
    kept = _of_neighbours(neighbours, neighbours, [{"#"}, *({f"#{one.get('id')}"} for one in inner)])
    if all(one is before for one, before in zip(kept, neighbours, strict=True)):
        return resource
    return kept[0] | ({"contained": kept[1:]} if inner else {})


def withhold_of(content: Json, known_as: Collection[str]) -> Json:
    """What may be kept of something stored when these are the ids, or values of identifiers, of restricted people:
    each Patient record of theirs in it is marked so, and then as in `withhold`. Their RelatedPersons and answers are
    found alone too."""
    kept: Json = withhold(_marked(content, known_as))
    return kept


def _marked(value: Any, known_as: Collection[str]) -> Any:
    if isinstance(value, list):
        return [_marked(each, known_as) for each in value]
    if not isinstance(value, dict):
        return value
    kept = {name: _marked(each, known_as) for name, each in value.items()}
    named = not names_of(kept).isdisjoint(known_as)
    if _type(kept) in ABOUT and (named or not _patient_names(kept).isdisjoint(known_as)):
        return _stripped(kept)
    if _type(kept) == "Patient" and named and not is_restricted(kept):
        meta = _object(kept.get("meta"))
        kept["meta"] = meta | {"security": [*_objects(meta.get("security")), LABEL]}
    return kept


def names_of(person: Json) -> set[str]:
    """The id of a Patient or RelatedPerson, and the values of the identifiers."""
    values = [one.get("value") for one in _objects(person.get("identifier"))]
    return {str(one) for one in (person.get("id"), *values) if one}


def _patient_names(one: Json) -> set[str]:
    """Those of the Patient that it is about: of Patient/id, an address, Patient?identifier=system|value."""
    patient = _object(one.get(ABOUT[_type(one)]))
    ends = [name.replace("|", "/").split("/")[-1] for name in _references(patient)]
    return {*ends, str(_object(patient.get("identifier")).get("value"))}


def _of_bundle(bundle: Json) -> Json:
    held = [entry for entry in _objects(bundle.get("entry")) if isinstance(entry.get("resource"), dict)]
    sent = [entry["resource"] for entry in held]
    own = [withhold(one) for one in sent]
    new = _of_neighbours(sent, own, [_names(entry) for entry in held]) if any(map(_restricted_in, sent)) else own
    if all(one is before for one, before in zip(new, sent, strict=True)):
        return bundle
    kept = {id(entry): _entry(entry, *both) for entry, *both in zip(held, own, new, strict=True)}
    return bundle | {"entry": [kept.get(id(entry), entry) for entry in bundle["entry"]]}


def _entry(entry: Json, own: Json, new: Json) -> Json:
    """The entry with what is kept. An emptied record of a practice is never put in the place of a full one, and the
    condition of a request names a practice as well as its record does: it becomes a new one of its own."""
    if new is not own and _type(new) in PRACTICES and "request" in entry:
        return entry | {"request": {"method": "POST", "url": _type(new)}, "resource": new}
    return entry | {"resource": new}


def _names(entry: Json) -> set[str]:
    """The references that lead to the resource of an entry."""
    resource, full_url = entry["resource"], str(entry.get("fullUrl"))
    return {full_url, _short(full_url), f"{_type(resource)}/{resource.get('id')}"}


def _short(reference: str) -> str:
    """Type/id of a RESTful address; any other name as it is."""
    return "/".join(reference.split("/")[-2:]) if reference.startswith("http") else reference


def _of_neighbours(sent: list[Json], own: list[Json], names: list[set[str]]) -> list[Json]:
    """What is kept of resources that may refer to each other, by these names; those left alone are the same objects.

    `own` is what is kept of each by itself.
    """
    people = [person for one in sent for person in _restricted_in(one) if _type(person) == "Patient"]
    whose = set().union(*(known for one, known in zip(sent, names, strict=True) if one in people))
    known_as = [one.get("value") for person in people for one in _objects(person.get("identifier"))]

    def concerns_them(one: Json) -> bool:
        if _type(one) not in ABOUT:
            return False
        about = _object(one.get(ABOUT[_type(one)]))
        value = _object(about.get("identifier")).get("value")
        return not whose.isdisjoint(_references(about)) or (value is not None and value in known_as)

    kept = [_stripped(one) if is_restricted(one) or concerns_them(one) else one for one in own]
    unwanted = {name for person in people for name in _references(person.get("generalPractitioner"))}
    return _without_practices(names, kept, unwanted)


def _without_practices(names: list[set[str]], kept: list[Json], unwanted: set[str]) -> list[Json]:
    """Empties the records that these references lead to, and on from there, unless another record needs them."""
    while True:
        suspects = [
            index
            for index, one in enumerate(kept)
            if _type(one) in PRACTICES and names[index] & unwanted and one.keys() - {"resourceType", "id"}
        ]
        needed = {name for index, one in enumerate(kept) if index not in suspects for name in _references(one)}
        emptied = [index for index in suspects if not names[index] & needed]
        if not emptied:
            return kept
        unwanted |= {name for index in emptied for name in _references(kept[index])}
        for index in emptied:
            kept[index] = {name: kept[index][name] for name in ("resourceType", "id") if name in kept[index]}


def _references(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        if isinstance(reference := value.get("reference"), str):
            yield from (reference, _short(reference))
        value = list(value.values())
    if isinstance(value, list):
        for each in value:
            yield from _references(each)


def _restricted_in(resource: Json) -> list[Json]:
    """The restricted people that it is, or contains."""
    return [one for one in (resource, *_objects(resource.get("contained"))) if is_restricted(one)]


def is_restricted(resource: Json) -> bool:
    """Whether this is a Patient or RelatedPerson of whom it must not be known where they are."""
    if _type(resource) not in LEFT_OUT or "meta" not in resource:
        return False
    return any(str(label.get("code")) in RESTRICTED for label in _objects(_object(resource["meta"]).get("security")))


def refuse_lost_label(sent: Json, before: Json, at: str, *, matched: bool = False) -> None:
    """Raises Rejected when a restriction would be lifted, or passed over, without a word.

    `matched`: what was sent stands for `before`, by its condition, and is not stored.
    """
    place = f"{at}.meta.security"
    labels = _objects(_object(sent.get("meta")).get("security"))
    if matched and is_restricted(sent) and not is_restricted(before):
        text = f"{place}: the record that is here already is not marked restricted. PUT it with the label first."
        raise Rejected(issues=[Issue("business-rule", text, place)])
    if not matched and is_restricted(before) and not labels:
        text = (
            f"{place}: this record is marked restricted. Send the label with it, or another one (N) when the "
            "restriction was lifted."
        )
        raise Rejected(issues=[Issue("business-rule", text, place)])


def _stripped(person: Json) -> Json:
    if _type(person) == "QuestionnaireResponse":
        return without_reach(person) if is_ours(person) else person
    kept = {name: value for name, value in person.items() if name not in LEFT_OUT[_type(person)]}
    if "contact" in kept:
        reach = [{name: part for name, part in one.items() if name not in REACH} for one in _objects(kept["contact"])]
        kept["contact"] = [one for one in reach if one]
    kept = {name: left for name, value in kept.items() if (left := _unplaced(value)) not in ([], {})}
    return person if kept == person else kept


def _unplaced(value: Any) -> Any:
    """Without the extensions that say where somebody is, wherever they stand."""
    if isinstance(value, list):
        left = [_unplaced(one) for one in value if not (isinstance(one, dict) and _places(one))]
        return [one for one in left if one != {}]
    if isinstance(value, dict):
        return {name: left for name, one in value.items() if (left := _unplaced(one)) not in ([], {})}
    return value


def _places(one: Json) -> bool:
    return "url" in one and _says_where(one)


def _says_where(extension: Json) -> bool:
    return any(name in extension for name in PLACED) or any(map(_says_where, _objects(extension.get("extension"))))


# Entries of a message that have no place here come unchecked: anything may stand anywhere in them.


def _type(resource: Json) -> str:
    return str(resource.get("resourceType"))


def _object(value: Any) -> Json:
    return value if isinstance(value, dict) else {}


def _objects(value: Any) -> list[Json]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []
