"""Whatever an EPR answers, the page says that it cannot be opened, or opens: nothing of it breaks the gateway."""

import base64
import copy
from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, OctKey
from tests.app import Json
from tests.launch.smart_epr import PATIENT, PRACTITIONER, Launched

from adapters.smart.client import SmartEprs

RUBBISH: list[Any] = [
    b"", b"null", b"[]", b"5", b'"text"', b"{", b"\xff\xfe", b"{}", b"[" * 100_000, b'{"a":' * 100_000, b'{"a":1e999}',
]  # fmt: skip
CONFIGURATION = ".well-known/smart-configuration"


async def test_one_that_does_its_part(launched: Launched) -> None:
    window = await launched.open()

    page = await window.get("/refer")

    assert page.status_code == 200, page.text
    assert "Margaret Anne Harrow" in page.text
    assert "07700 900417" in page.text


@pytest.mark.parametrize("path", [CONFIGURATION, "keys", "token", "Patient/0012345", "Practitioner/AOSEI"])
@pytest.mark.parametrize("body", RUBBISH)
async def test_rubbish_opens_nothing(launched: Launched, path: str, body: bytes) -> None:
    launched.epr.says[path] = body

    _, page = await launched.launch()

    assert page.status_code == 502, page.text
    assert "did not answer as expected" in page.text


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("code_challenge_methods_supported", 5),
        ("code_challenge_methods_supported", "S256"),
        ("code_challenge_methods_supported", {"S256": True}),
        ("code_challenge_methods_supported", ["plain"]),
        ("authorization_endpoint", "https://epr.example/\u20ac"),
        ("authorization_endpoint", "https://epr.example/a b"),
        ("authorization_endpoint", "javascript:alert(1)"),
        ("authorization_endpoint", "https://epr.example/\r\nSet-Cookie: a=b"),
        ("authorization_endpoint", {"a": 1}),
        ("token_endpoint", "http://epr.example/token"),
        ("token_endpoint", "https://127.0.0.1:99999/token"),
        ("token_endpoint", "https://[::1/token"),
        ("token_endpoint", f"https://{'a' * 70}.example/token"),
        ("token_endpoint", "https://169.254.169.254/latest"),
        ("jwks_uri", "https://127.0.0.1:99999/keys"),
        ("jwks_uri", ["x"]),
        ("jwks_uri", "https://xn--.example/"),
        ("issuer", ["x"]),
        ("issuer", "https://another.example"),
    ],
)
async def test_a_configuration_that_cannot_be_used(launched: Launched, name: str, value: Any) -> None:
    launched.epr.says[CONFIGURATION] = launched.epr.usual()[CONFIGURATION] | {name: value}

    _, page = await launched.launch()

    assert page.status_code == 502, page.headers
    assert "did not answer as expected" in page.text


@pytest.mark.parametrize(
    "keys", [5, "x", [5], ["x"], [None], [{}], [{"kty": "EC"}], [{"kty": "RSA", "n": "!", "e": 5}], [{"kty": []}], {}]
)
async def test_keys_that_are_none(launched: Launched, keys: Any) -> None:
    launched.epr.says["keys"] = {"keys": keys}

    assert (await launched.launch())[1].status_code == 502


@pytest.mark.parametrize(
    "claims",
    [
        {"nonce": None},
        {"nonce": "another"},
        {"nonce": ["x"]},
        {"aud": "another"},
        {"aud": ["social-prescribing-gateway", "another"]},
        {"aud": {"social-prescribing-gateway": 1}},
        {"aud": None},
        {"iss": "https://another.example"},
        {"iss": None},
        {"exp": None},
        {"exp": 1},
        {"exp": "9999999999"},
        {"exp": True},
        {"fhirUser": None},
        {"fhirUser": "Patient/0012345"},
        {"fhirUser": ["Practitioner/AOSEI"]},
        {"fhirUser": "Practitioner/AOSEI/../../x"},
        {"fhirUser": "x" * 501},
    ],
)
async def test_an_id_token_that_is_not_for_this_launch(launched: Launched, claims: Json) -> None:
    launched.epr.claims = claims

    assert (await launched.launch())[1].status_code == 502


async def test_an_id_token_by_a_key_of_the_same_name(launched: Launched) -> None:
    public = launched.epr.usual()["keys"]
    launched.epr.key = ECKey.generate_key("P-384", {"kid": "1"})
    launched.epr.says["keys"] = public

    assert (await launched.launch())[1].status_code == 502


async def test_an_id_token_signed_by_nobody_or_with_what_is_public(launched: Launched) -> None:
    good = launched.epr.id_token().split(".")
    public = OctKey.import_key(str(launched.epr.key.as_dict(private=False)))
    none = base64.urlsafe_b64encode(b'{"alg":"none"}').decode().rstrip("=")
    for forged in (
        f"{none}.{good[1]}.",
        jwt.encode({"alg": "HS256", "kid": "1"}, {"iss": launched.epr.base}, public),
        f"{good[0]}.{good[1]}.AAAA",
        "a.b",
        "x" * 500_000,
        {"a": 1},
    ):
        launched.epr.granted = {"id_token": forged}
        assert (await launched.launch())[1].status_code == 502


@pytest.mark.parametrize(
    "changed",
    [
        {"access_token": None},
        {"access_token": "a\r\nX: y"},
        {"access_token": ["abc"]},
        {"token_type": "mac"},
        {"token_type": ["Bearer"]},
        {"patient": "../../x"},
        {"patient": "0012345?a=b"},
        {"patient": "9999"},
        {"patient": ""},
        {"patient": 12345},
        {"patient": "1" * 65},
        {"patient": ["0012345"]},
    ],
)
async def test_a_token_that_cannot_be_used(launched: Launched, changed: Json) -> None:
    launched.epr.granted = changed

    _, page = await launched.launch()

    assert page.status_code == 502


@pytest.mark.parametrize(
    "changed",
    [
        {"scope": 5},
        {"scope": ["launch"]},
        {"expires_in": "soon"},
        {"expires_in": -5},
        {"expires_in": 10**30},
        {"encounter": {"a": 1}},
        {"need_patient_banner": "perhaps"},
        {"fhirContext": {"a": 1}},
        {"fhirContext": [5, None, {"reference": 5}, {"reference": "Task/\r\nx"}, {"reference": "Task/../x#"}]},
    ],
)
async def test_a_token_that_says_more_or_less(launched: Launched, changed: Json) -> None:
    launched.epr.granted = changed

    _, page = await launched.launch()

    assert page.status_code == 303
    assert page.headers["location"].startswith("/app/p/")
    assert "#" not in page.headers["location"]


PEOPLE: list[Json] = [
    {"name": None},
    {"name": None, "birthDate": None, "identifier": None, "gender": None, "telecom": None, "address": None},
    {"name": [{"use": "old", "family": "Gone"}]},
    {"name": [{"family": "X", "given": [None, "Anne"], "_given": [{"id": "a"}, None]}]},
    {"name": [{"_family": {"extension": [{"url": "https://x.example/u", "valueCode": "unknown"}]}}]},
    {"name": [{"text": "<script>alert(1)</script>\"'" + "x" * 20_000}]},
    {"name": [{"family": f"N{index}"} for index in range(2_000)]},
    {"birthDate": "1971"},
    {"birthDate": "1971-06"},
    {"birthDate": "2971-06-14"},
    {"birthDate": "0001-01-01"},
    {"birthDate": None, "_birthDate": {"extension": [{"url": "https://x.example/u", "valueCode": "unknown"}]}},
    {"deceasedBoolean": True},
    {"deceasedDateTime": "2020"},
    {"deceasedDateTime": "2020-01-01T00:00:00+14:00"},
    {"identifier": PATIENT["identifier"] * 2},
    {"identifier": [*PATIENT["identifier"], {**PATIENT["identifier"][0], "value": "9992047194"}]},
    {"identifier": [{"system": "https://fhir.nhs.uk/Id/nhs-number"}]},
    {"identifier": [{"system": "https://fhir.nhs.uk/Id/nhs-number", "value": "999 204 7186 " * 500}]},
    {"identifier": [{"value": str(index)} for index in range(5_000)]},
    {"identifier": [{"system": f"https://x.example/{index}", "value": str(index)} for index in range(5_000)]},
    {"meta": {"security": [{"code": "R"}]}},
    {"meta": {"security": [{}]}} | {"meta": {"security": [{"system": "https://x.example"}]}},
    {"name": [{"family": "Har\u0000row"}]},
    {"identifier": [{"system": "https://x.example", "value": "1\u0000"}]},
    {"active": False},
    {"address": [{"use": "old", "text": "x"}, {"line": [None], "_line": [{"id": "a"}]}]},
    {"address": [{"postalCode": "N" * 5000, "city": "<b>"}]},
    {"telecom": [{"system": "phone"}, {"value": "x"}, {"system": "phone", "value": "1" * 5000, "rank": 1}]},
    {"communication": [{"language": {}}]} | {"communication": [{"language": {"text": "x" * 5000}}]},
    {"contained": [{"resourceType": "Patient", "id": "x", "meta": {"security": [{"code": "R"}]}}]},
    {"extension": [{"url": "https://fhir.hl7.org.uk/StructureDefinition/Extension-UKCore-NHSCommunication"}]},
    {"link": [{"other": {"reference": "Patient/1"}, "type": "replaced-by"}]},
]


@pytest.mark.parametrize("changed", PEOPLE)
async def test_any_patient_gives_a_page_and_a_form(launched: Launched, changed: Json) -> None:
    """That may be sent, or says why not; a Patient that is not valid FHIR opens nothing."""
    told = {name: value for name, value in (copy.deepcopy(PATIENT) | changed).items() if value is not None}
    launched.epr.says["Patient/0012345"] = told
    http, answer = await launched.launch()
    if answer.status_code == 502:
        return
    path = answer.headers["location"]

    for page in ("", "/refer", "/state", "/live"):
        shown = await http.get(f"{path}{page}")
        assert shown.status_code == 200, (page, shown.text)
        assert "<script>alert" not in shown.text
    form = (await http.get(f"{path}/refer")).text
    proof, draft = (form.split(f'name="{name}" value="')[1].split('"')[0] for name in ("proof", "draft"))
    fields = {
        "proof": proof,
        "draft": draft,
        "reason": "financial-and-debt-advice",
        "risk": "none-known",
        "consent": "permit",
    }
    same = {"Sec-Fetch-Site": "same-origin"}
    checked = await http.post(f"{path}/refer", data=fields | {"urgency": "routine"}, headers=same)
    assert checked.status_code in {303, 422}, checked.text
    review = (await http.get(f"{path}/refer/review")).text
    version = review.partition('name="version" value="')[2].partition('"')[0]
    press = {"proof": proof, "draft": draft, "version": version}
    sent = await http.post(f"{path}/refer/review", data=press, headers=same)
    assert sent.status_code in {303, 422}, sent.text
    if sent.status_code == 303:
        assert (await http.get(sent.headers["location"])).status_code == 200
        assert (await http.get(path)).status_code == 200


@pytest.mark.parametrize(
    ("path", "told"),
    [
        ("Patient/0012345", PATIENT | {"id": "0045678"}),
        ("Patient/0012345", PATIENT | {"birthDate": "14/06/1971"}),
        ("Patient/0012345", PATIENT | {"surname": "Harrow"}),
        ("Patient/0012345", PRACTITIONER | {"id": "0012345"}),
        ("Practitioner/AOSEI", PRACTITIONER | {"id": "TLINDQ"}),
        ("Practitioner/AOSEI", {"resourceType": "Practitioner", "id": "AOSEI"}),
        ("Practitioner/AOSEI", PRACTITIONER | {"name": [{"use": "official"}]}),
        ("Practitioner/AOSEI", PRACTITIONER | {"gender": "doctor"}),
    ],
)
async def test_somebody_else_or_nobody_or_no_fhir_opens_nothing(launched: Launched, path: str, told: Json) -> None:
    launched.epr.says[path] = told

    _, page = await launched.launch()

    assert page.status_code == 502
    assert "did not answer as expected" in page.text


@pytest.mark.parametrize("path", [CONFIGURATION, "keys", "token", "Patient/0012345"])
async def test_one_that_never_answers_is_not_waited_for(launched: Launched, path: str) -> None:
    await launched.running.app.state.eprs.close()
    launched.running.app.state.eprs = SmartEprs(0.4)
    launched.epr.slow = {path: 1.2}

    _, page = await launched.launch()

    assert page.status_code == 502
