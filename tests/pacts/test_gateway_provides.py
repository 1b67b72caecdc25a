"""The gateway does what EPRs and platforms rely on: each pact in `pacts/` that has it as provider."""

import shutil
from pathlib import Path
from typing import Any

import pytest
from tests.app import Running, referral_bundle, resource_of, start, task_in
from tests.pacts.providing import States, Values, verify
from tests.pacts.written import FOLDER

ADVISOR = {"name": "Priya Nadar", "phone": "01632 960101"}
ALLOCATED = [
    ("transitions", {"to": "received"}),
    ("transitions", {"to": "accepted"}),
    ("transitions", {"to": "allocated", "advisor": ADVISOR}),
]
SPOKEN = ("contacts", {"mechanism": "telephone", "outcome": "spoke"})
ISSUED = ("prescriptions", {"kind": "referral", "categories": ["housing"], "provider": "Shelter", "service": "Advice"})
PACTS = sorted(FOLDER.glob("*-gateway.json"))


def states_of(gateway: Running) -> States:
    """Each is brought about by what an EPR or a platform would send."""

    async def refer(number: str = "", client: str = "demo-epr") -> Values:
        bundle = referral_bundle()
        request = resource_of(bundle, "ServiceRequest")
        request["identifier"][0]["value"] = number or request["identifier"][0]["value"]
        if client != "demo-epr":
            del request["performer"]  # the hub is that of the other trust
        answer = await gateway.call(client, "POST", "/FHIR/R4", bundle)
        assert answer.status_code == 200, answer.text
        task = task_in(answer.json())
        return {"task": task["id"], "referral": task["id"], "request": task["focus"]["reference"].rpartition("/")[2]}

    async def work(*steps: tuple[str, Any]) -> Values:
        """A referral on which the platform has done these."""
        values = await refer()
        for path, said in steps:
            at = f"/platform/v1/referrals/{values['referral']}/{path}"
            answer = await gateway.call("demo-platform", "POST", at, said)
            assert answer.is_success, answer.text
            issued = answer.json()["prescriptions"]
        return values | ({"prescription": issued[0]["id"]} if issued else {})

    async def token(client: str) -> Values:
        return {"token": gateway.tokens[client]}

    return {
        "an EPR may send and read": lambda _: token("demo-epr"),
        "the EPR has sent a referral": lambda _: refer(),
        "the referral PACT-KNOWN was sent before": lambda _: refer("PACT-KNOWN"),
        "a platform may read and work": lambda _: token("demo-platform"),
        "a referral has been sent to a hub of the platform": lambda _: refer(),
        "a link worker has been allocated": lambda _: work(*ALLOCATED),
        "the link worker has spoken to the person": lambda _: work(*ALLOCATED, SPOKEN),
        "a prescription was issued": lambda _: work(*ALLOCATED, SPOKEN, ISSUED),
        "another platform's hub has a referral": lambda _: refer(client="demo-epr-2"),
    }


@pytest.mark.parametrize("pact", PACTS, ids=lambda pact: pact.stem)
async def test_the_gateway_keeps_the_pact(sqlite_template: Path, tmp_path: Path, pact: Path) -> None:
    shutil.copy(sqlite_template, tmp_path / "gateway.db")
    gateway = await start(f"sqlite+aiosqlite:///{tmp_path}/gateway.db", tmp_path)

    await verify("gateway", gateway.app, states_of(gateway), pact)

    await gateway.stop()
