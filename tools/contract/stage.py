"""Who is there in the story, beside the demo's parties: a client that may only read, a server to fetch from, and an
EPR that calls CDS Hooks."""

from pathlib import Path

from tests.app import Running
from tests.cds_hooks.calling import ISSUER, KEY, SIGNER, TEAM, epr

from gateway.demo.parties import demo_parties
from gateway.parties import register
from gateway.parties.shapes import FhirServer, SubscriptionEndpoint
from gateway.security import Caller

EPR, OTHER_EPR = "demo-epr", "demo-epr-2"
READER = "demo-reader"  # may read, and nothing else
OPERATOR, INVESTIGATOR = "demo-operator", "demo-investigator"
PLATFORM, OTHER_PLATFORM = "demo-platform", "demo-platform-2"
TRUST = "XND01"
SERVER = "https://fhir.northdale.example/R4"
HOOK = "https://hooks.northdale.example"


async def set_stage(running: Running, keys: Path) -> None:
    """Registers them with a gateway that has the demo's parties, whose keys are in this folder."""
    parties = demo_parties(keys)
    server = FhirServer(base_url=SERVER)
    hook = SubscriptionEndpoint(url=HOOK)
    known = {
        "fhir_servers": [server],
        "subscription_endpoints": [hook],
        "eprs": [epr(EPR, ISSUER, SIGNER, KEY)],
        "teams": [TEAM],
    }
    organisations = [one.model_copy(update=known) if one.ods_code == TRUST else one for one in parties.organisations]
    await register(running.store, parties.model_copy(update={"organisations": organisations}))
    reader = Caller(READER, TRUST, "epr", frozenset({"system/*.rs"}))
    running.tokens[READER] = running.app.state.gatekeeper.issue(reader)
