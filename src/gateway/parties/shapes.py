"""What a party is: the entries of the parties file, with their checks.

Whoever runs the gateway writes that file by hand; so each check says what was expected.
"""

import warnings
from pathlib import Path
from typing import Annotated, Any, Literal

from joserfc.errors import JoseError
from joserfc.jwk import ECKey, Key, RSAKey, import_key
from pydantic import AfterValidator, Field

from adapters.source.address import check_base
from adapters.tls import Tls
from gateway.dialects import DialectError, translator_for
from gateway.parties.destinations import Destination, Secret
from gateway.parties.words import Id, Name, OdsCode, OutwardCode, Party, System, Token, shaped
from gateway.profile import CONFIGURABLE, RULES
from gateway.scopes import permissions
from gateway.settings import settings
from mappings.translate import PACKAGED
from mappings.vocabularies import CodeOf, PrescriptionKind


def _is_scope(text: str) -> str:
    permissions(text)
    return text


def _name_rules(rules: dict[str, str]) -> dict[str, str]:
    for key in rules:
        if key in CONFIGURABLE:
            continue
        fixed = any(rule.key == key for rule in RULES)
        what = "is the same for every sender" if fixed else "is no rule of the profile"
        raise ValueError(f"{key[:40]} {what}; the rules that may be set are {', '.join(sorted(CONFIGURABLE))}")
    return rules


def _is_dialect(name: str) -> str:
    try:
        translator_for(PACKAGED, settings().dialects_folder, name)
    except DialectError as trouble:
        raise ValueError(str(trouble)) from None
    return name


def _is_public_key(jwk: dict[str, Any]) -> dict[str, Any]:
    """A key that `check_strength` lets pass, and only its public half."""
    key = imported(jwk)
    if key.is_private:
        raise ValueError(
            "this is a private key, and now it has been seen: make a new pair and register its public half"
        )
    if not key.kid:
        raise ValueError("give the key a kid: the sender names its key by it")
    check_strength(key)
    return jwk


def imported(jwk: Any) -> Key:
    """Raises ValueError for everything that is no JSON Web Key."""
    try:
        if isinstance(jwk, dict):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of short keys: check_strength refuses them
                return import_key(jwk)
    except (JoseError, ValueError, TypeError, KeyError):
        pass
    raise ValueError("expected a JSON Web Key (RFC 7517)")


def check_strength(key: Key) -> None:
    """Raises ValueError unless SMART Backend Services (RS384, ES384) or the NHS (RS512) can use the key."""
    strong_rsa = isinstance(key, RSAKey) and key.public_key.key_size >= 2048
    if not strong_rsa and not (isinstance(key, ECKey) and key.curve_name == "P-384"):
        raise ValueError("expected an RSA key of at least 2048 bits (RS384, RS512) or an EC key on P-384 (ES384)")


class FhirServer(Party):
    """A server of the organisation's that referrals may be fetched from, when a Task names its request there."""

    base_url: Annotated[str, AfterValidator(check_base)]
    authorization: Annotated[str, shaped(r"Bearer [A-Za-z0-9._~+/-]+=*", "Bearer and a token (RFC 6750)")] | None = None
    private: bool = False  # whether its address may be one of a private network (HSCN) or of this machine


class SubscriptionEndpoint(Party):
    """Where the organisation's clients may have notifications sent to: this address, and all under it. On this machine
    (http) an address without a port stands for every port."""

    url: Annotated[str, AfterValidator(check_base)]
    private: bool = False  # whether its address may be one of a private network (HSCN) or of this machine


class Hl7v2Feed(Party):
    """A system of the organisation that sends HL7 v2 messages over MLLP. Source: HL7 v2.4, MSH."""

    sending_application: Name  # MSH-3.1
    sending_facility: Name  # MSH-4.1
    client: Id  # of the organisation's clients: its scopes say what the feed may do, and the audit names it
    processing_id: Literal["P", "T", "D"] = "P"  # MSH-11: production, training, debugging
    certificate_name: Name | None = None  # the common or DNS name in the certificate that it must show
    identifiers: Annotated[dict[str, System], Field(min_length=1)]  # assigning authority (CX.4) -> FHIR system
    referral_numbers: System  # the FHIR system of its own referral numbers (RF1-6)


class CdsClient(Party):
    """Who signs an EPR's CDS Hooks calls, and with which keys (CDS Hooks 2.0, trusting CDS Clients)."""

    issuer: Name  # `iss` of its JWTs
    keys: list[Annotated[dict[str, Any], AfterValidator(_is_public_key)]]


class Epr(Party):
    """A record system that opens the gateway's pages inside itself (SMART App Launch 2.2, EHR launch)."""

    id: Id
    issuer: Annotated[str, AfterValidator(check_base)]  # the base of its FHIR server: `iss` of a launch
    client_id: Name  # what the gateway is called there
    client: Id  # of the organisation's clients: its scopes hold for referrals written in the pages, the audit names it
    origins: list[Annotated[str, shaped(r"https?://[^/?#@\s;,*]+", "a web origin, e.g. https://rio.example")]] = []
    private: bool = False  # whether its address may be one of a private network (HSCN) or of this machine
    tls: Tls | None = None
    key_file: Path | None = None  # a private JWK with a kid: the gateway signs for its tokens; none: a public client
    launch_secret: Secret | None = None  # signs launch addresses of an EPR without SMART; none: there are none
    record: Id | None = None  # the destination of kind rio in which a signed launch looks up who the person is
    cds: CdsClient | None = None  # none: it calls no CDS Hooks


class Team(Party):
    """A clinical team whose members may refer from inside the EPR once it is active."""

    code: Id
    name: Name
    active: bool = False
    managers: list[Name] = []  # the EPR's ids of users who may see how the service is taken up


class Organisation(Party):
    """A trust that sends referrals, or the body that runs the social-prescribing platform."""

    ods_code: OdsCode
    name: Name
    default_hub_id: Id | None = None  # takes what neither `performer` nor the person's address places
    boroughs: list[Name] = []  # where its agreement lets an address choose the hub; empty: everywhere
    fhir_servers: list[FhirServer] = []
    subscription_endpoints: list[SubscriptionEndpoint] = []  # none: its clients make no FHIR Subscriptions
    eprs: list[Epr] = []  # who may open the pages for its clinicians
    teams: list[Team] = []  # whose members those are
    crisis_line: Name | None = None  # for people known to the trust, as the form shows it beside 999 and NHS 111
    hl7v2: list[Hl7v2Feed] = []  # who may send HL7 v2 messages; empty: nobody
    bars: Literal["strict", "lenient"] = "lenient"  # whether its messages must have all that BaRS asks for
    # Which findings refuse its referrals and which only warn, where that is not as in docs/profile.md.
    rules: Annotated[dict[str, Literal["error", "warning"]], AfterValidator(_name_rules)] = {}
    nhs_number_check: Literal["reject", "warn", "off"] | None = None  # None: as GATEWAY_NHS_NUMBER_CHECK says
    # How its EPR speaks, where that is not as the standard maps expect (docs/write-a-map.md).
    dialect: Annotated[Name, AfterValidator(_is_dialect)] | None = None


class Advisor(Party):
    id: Id
    name: Name
    phone: str | None = None


class Service(Party):
    id: Id
    name: Name
    kind: PrescriptionKind = "referral"  # how a link worker prescribes it, unless they say otherwise
    categories: list[Annotated[str, CodeOf("prescription-category")]] = []


class Provider(Party):
    id: Id
    name: Name
    services: list[Service] = []


class Hub(Party):
    id: Id
    name: Name
    borough: str | None = None
    phone: str | None = None
    response_days: Annotated[int, Field(ge=1)] = 5  # working days to the first contact, as promised to referrers
    identifiers: list[Token] = []  # how ServiceRequest.performer may name it: DoS service id, ODS code ...
    postcode_areas: list[OutwardCode] = []
    advisors: list[Advisor] = []
    providers: list[Provider] = []


class KeySet(Party):
    keys: list[Annotated[dict[str, Any], AfterValidator(_is_public_key)]]


class Client(Party):
    """A system that calls us. `scopes` is the most it may ask for; an empty list shuts it out."""

    id: Id
    organisation: OdsCode
    role: Literal["epr", "platform", "operator"]  # operator: watches over deliveries, and sends them again
    scopes: list[Annotated[str, AfterValidator(_is_scope)]]
    hubs: list[Id] = []  # of a platform client: the hubs it works for
    jwks: KeySet


class Parties(Party):
    organisations: list[Organisation]
    hubs: list[Hub]
    clients: list[Client]
    destinations: list[Destination] = []
