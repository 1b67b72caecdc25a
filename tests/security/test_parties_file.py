"""The parties file: each mistake is told with its place and what was expected."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from joserfc.jwk import ECKey, RSAKey

from gateway.parties import PartiesError, load_parties

Document = dict[str, Any]
WRONG_CURVE = ECKey.generate_key("P-256", {"kid": "p256"}).as_dict(private=False)


def write(folder: Path, document: object) -> Path:
    path = folder / "parties.json"
    path.write_text(json.dumps(document))
    return path


def test_a_right_file_is_read(tmp_path: Path, document: Document) -> None:
    parties = load_parties(write(tmp_path, document))

    assert [hub.id for hub in parties.hubs] == ["aldmoor", "birchley"]
    assert parties.hubs[0].response_days == 5


def test_keys_may_stand_in_a_file_of_their_own(tmp_path: Path, document: Document) -> None:
    jwks = document["clients"][0].pop("jwks")
    document["clients"][0]["keys_file"] = "epr.jwks.json"
    (tmp_path / "epr.jwks.json").write_text(json.dumps(jwks))

    assert load_parties(write(tmp_path, document)).clients[0].jwks.keys == jwks["keys"]


def put(*path_and_value: Any) -> Callable[[Document, Any], None]:
    *way, last, value = path_and_value

    def change(document: Document, _private: Any) -> None:
        place: Any = document
        for step in way:
            place = place[step]
        place[last] = value

    return change


def use_private_key(document: Document, private: Any) -> None:
    document["clients"][0]["jwks"]["keys"][0] = private


def use_weak_key(document: Document, _private: Any) -> None:
    weak = RSAKey.generate_key(1024, {"kid": "weak"})
    document["clients"][0]["jwks"]["keys"][0] = weak.as_dict(private=False)


MISTAKES: dict[str, tuple[Callable[[Document, Any], None], str]] = {
    "misspelt": (put("hubs", 0, "telephone", "1"), "hubs[0].telephone: there is no such entry here"),
    "missing": (put("hubs", 0, {"id": "x"}), "hubs[0].name: is missing"),
    "role": (put("clients", 0, "role", "admin"), "clients[0].role: expected 'epr' or 'platform'"),
    "ODS code": (put("organisations", 0, "ods_code", "a b"), "organisations[0].ods_code: expected an ODS code"),
    "scope": (put("clients", 0, "scopes", 1, "system/Task.sr"), "clients[0].scopes[1]: expected a SMART scope"),
    "scope of the other door": (put("clients", 0, "scopes", ["platform/referrals.read"]), "start with system/"),
    "hub of a client": (put("clients", 1, "hubs", ["nowhere"]), "clients[1].hubs[0]: nowhere is not in the file"),
    "platform without hubs": (put("clients", 1, "hubs", []), "clients[1].hubs: a platform client names the hubs"),
    "epr with hubs": (put("clients", 0, "hubs", ["aldmoor"]), "clients[0].hubs: a platform client names the hubs"),
    "default hub": (put("organisations", 1, "default_hub_id", "x"), "organisations[1].default_hub_id: x is not in"),
    "whose client": (put("clients", 0, "organisation", "XZZ99"), "clients[0].organisation: XZZ99 is not in the file"),
    "whose callback": (put("destinations", 0, "organisation", "XZZ99"), "destinations[0].organisation: XZZ99"),
    "twice": (put("clients", 1, "id", "aldmoor-epr"), "clients[1].id: aldmoor-epr stands there twice"),
    "secret": (put("destinations", 0, "secret", "whsec_c2hvcnQ="), "destinations[0].secret: expected whsec_"),
    "address": (put("destinations", 0, "url", "epr.example"), "destinations[0].url: The address names no host."),
    "identifier": (put("hubs", 0, "identifiers", ["2000099001"]), "hubs[0].identifiers[0]: expected system|value"),
    "shared identifier": (
        put("hubs", 1, "identifiers", ["https://fhir.nhs.uk/Id/dos-service-id|2000099001"]),
        "hubs[1].identifiers: https://fhir.nhs.uk/Id/dos-service-id|2000099001 names aldmoor already",
    ),
    "postcode": (put("hubs", 0, "postcode_areas", ["XA1 1AA"]), "hubs[0].postcode_areas[0]: expected the first half"),
    "response": (put("hubs", 0, "response_days", 0), "hubs[0].response_days: expected greater than or equal to 1"),
    "no keys": (put("clients", 0, "jwks", None), "clients[0].jwks: expected"),
    "no key": (put("clients", 0, "jwks", "keys", [{"kty": "what"}]), "jwks.keys[0]: expected a JSON Web Key"),
    "weak key": (use_weak_key, "clients[0].jwks.keys[0]: expected an RSA key of at least"),
    "wrong curve": (put("clients", 0, "jwks", "keys", [WRONG_CURVE]), "or an EC key on P-384"),
    "private key": (use_private_key, "clients[0].jwks.keys[0]: this is a private key"),
    "keys missing": (put("clients", 0, "keys_file", "x"), "clients[0].keys_file: give either jwks or keys_file"),
    "not a list": (put("clients", {}), "clients: expected a valid list"),
}


@pytest.mark.filterwarnings("ignore:Key size:UserWarning")
@pytest.mark.parametrize(("change", "told"), MISTAKES.values(), ids=MISTAKES.keys())
def test_a_mistake_is_told_with_its_place(
    tmp_path: Path, document: Document, ec_key: Any, change: Callable[[Document, Any], None], told: str
) -> None:
    change(document, ec_key)

    with pytest.raises(PartiesError) as mistake:
        load_parties(write(tmp_path, document))

    assert told in str(mistake.value)
    assert all(line.startswith(f"{tmp_path / 'parties.json'}: ") for line in str(mistake.value).split("\n"))
    assert ec_key["d"] not in str(mistake.value)


def test_all_mistakes_are_told_at_once(tmp_path: Path, document: Document) -> None:
    document["hubs"][0]["response_days"] = 0
    document["clients"][0]["role"] = "admin"

    with pytest.raises(PartiesError) as mistake:
        load_parties(write(tmp_path, document))

    assert len(str(mistake.value).split("\n")) == 2


def test_a_file_that_cannot_be_read_at_all(tmp_path: Path, document: Document) -> None:
    with pytest.raises(PartiesError, match="No such file"):
        load_parties(tmp_path / "absent.json")

    path = tmp_path / "broken.json"
    path.write_text('{"hubs": [}')
    with pytest.raises(PartiesError, match=r"is not JSON: .* line 1 column 11"):
        load_parties(path)

    with pytest.raises(PartiesError, match="expected a valid dictionary"):
        load_parties(write(tmp_path, ["hubs"]))

    del document["clients"][0]["jwks"]
    document["clients"][0]["keys_file"] = "absent.json"
    with pytest.raises(PartiesError, match=r"clients\[0\]\.keys_file: expected a JWK set"):
        load_parties(write(tmp_path, document))


@pytest.mark.parametrize(
    ("agreed", "told"),
    [
        ({"rules": {"riks": "error"}}, "organisations[0].rules: riks is no rule of the profile; the rules that may be"),
        ({"rules": {"one-person": "warning"}}, "organisations[0].rules: one-person is the same for every sender"),
        ({"rules": {"risks": "off"}}, "organisations[0].rules.risks: expected 'error' or 'warning'"),
        ({"nhs_number_check": "maybe"}, "organisations[0].nhs_number_check: expected 'reject', 'warn' or 'off'"),
    ],
)
def test_an_agreement_that_cannot_be_kept(tmp_path: Path, document: Document, agreed: Any, told: str) -> None:
    document["organisations"][0] |= agreed
    with pytest.raises(PartiesError) as mistake:
        load_parties(write(tmp_path, document))
    assert told in str(mistake.value)
    assert "consent, consent-in-doubt" in str(mistake.value) or "expected" in told or "same" in told


# --- destinations ----------------------------------------------------------------------------------------------------

OAUTH = {"token_url": "https://epr.example/token", "client_id": "gateway", "key_file": "keys/gateway.jwk.json"}
BARS: Document = {
    "kind": "bars-message",
    "source": "https://fhir.nhs.uk/Id/dos-service-id|2000090001",
    "target": "https://fhir.nhs.uk/Id/dos-service-id|2000090002",
    "sender": {"ods_code": "XBB01", "name": "Birchley Trust"},
    "use_case": "sp1",
}
SECRET = "whsec_dGVzdHMtb25seS1ub3QtZm9yLXByb2R1Y3Rpb24="
HOOK: Document = {"kind": "webhook", "secret": SECRET, "organisation": "XBB01", "hubs": ["aldmoor"]}


def told_by(tmp_path: Path, document: Document, destination: Document) -> Any:
    own = document["destinations"][0]
    kept = {name: own[name] for name in ("organisation", "id", "owner", "url")}
    kept |= {} if "kind" in destination else {"secret": own["secret"]}
    document["destinations"][0] = kept | destination
    return load_parties(write(tmp_path, document)).destinations[0]


@pytest.mark.parametrize(
    ("destination", "kind", "content"),
    [
        ({}, "fhir-callback", {"conditional": False, "provenance": False}),
        (
            {"kind": "fhir-callback", "secret": SECRET, "conditional": True, "provenance": True, "oauth": OAUTH},
            "fhir-callback",
            {"conditional": True, "provenance": True, "oauth": OAUTH},
        ),
        (
            BARS,
            "bars-message",
            {
                **{name: BARS[name] for name in ("source", "target", "sender", "use_case")},
                "versions": {"application": "1.0.0", "api": "1.4.0"},
            },
        ),
        (HOOK, "webhook", {"hubs": ["aldmoor"]}),
        ({"kind": "webhook", "secret": SECRET}, "webhook", {}),
    ],
)
def test_what_is_registered_for_a_destination(
    tmp_path: Path, document: Document, destination: Document, kind: str, content: Document
) -> None:
    row = told_by(tmp_path, document, destination).row()

    assert (row["kind"], row["url"]) == (kind, "https://epr.example/FHIR/R4")
    assert row["content"] == {"private": False} | content
    assert row["secret"] == ("" if kind == "bars-message" else SECRET)


@pytest.mark.parametrize(
    ("destination", "told"),
    [
        (
            {"kind": "carrier-pigeon"},
            "destinations[0]: the kind is expected to be one of fhir-callback, rio, bars-message",
        ),
        ({"kind": ["webhook"]}, "destinations[0]: the kind is expected to be one of"),
        ({"conditonal": True}, "destinations[0].conditonal: there is no such entry here; is it misspelt?"),
        ({"conditional": "maybe"}, "destinations[0].conditional: expected a valid boolean"),
        ({"oauth": OAUTH | {"token_url": "http://epr.example/t"}}, "destinations[0].oauth.token_url: The address must"),
        ({"oauth": {"client_id": "a"}}, "destinations[0].oauth.token_url: is missing"),
        ({"oauth": OAUTH | {"alg": "none"}}, "destinations[0].oauth.alg: expected 'RS384', 'ES384' or 'RS512'"),
        ({"tls": {"cert": "a.pem"}}, "destinations[0].tls.cert: there is no such entry here"),
        (BARS | {"target": "2000090002"}, "destinations[0].target: expected system|value"),
        (BARS | {"secret": SECRET}, "destinations[0].secret: there is no such entry here"),
        (BARS | {"sender": {"ods_code": "x"}}, "destinations[0].sender.ods_code: expected an ODS code"),
        (BARS | {"use_case": "a\r\nb"}, "destinations[0].use_case: expected the code of a use case"),
        (BARS | {"versions": {"api": "2.0"}}, "destinations[0].versions.api: expected a version of the BaRS API"),
        (HOOK | {"secret": "short"}, "destinations[0].secret: expected whsec_"),
        (HOOK | {"hubs": []}, "destinations[0].hubs: List should have at least 1 item"),
        (HOOK | {"hubs": ["aldmoor", "nowhere"]}, "destinations[0].hubs[1]: nowhere is not in the file"),
        (HOOK | {"organisation": "XAA01"}, "destinations[0].hubs[0]: no platform client of XAA01 works for aldmoor"),
        (HOOK | {"provenance": True}, "destinations[0].provenance: there is no such entry here"),
    ],
)
def test_a_destination_that_cannot_be(tmp_path: Path, document: Document, destination: Document, told: str) -> None:
    with pytest.raises(PartiesError) as mistake:
        told_by(tmp_path, document, destination)

    assert f"parties.json: {told}" in str(mistake.value)


def test_an_entry_that_is_no_destination_at_all(tmp_path: Path, document: Document) -> None:
    document["destinations"] = ["epr"]

    with pytest.raises(PartiesError, match=r"destinations\[0\]: expected a valid dictionary"):
        load_parties(write(tmp_path, document))
