"""The gateway does what EPRs and platforms rely on: each pact in `pacts/` that has it as provider."""

import shutil
from pathlib import Path

import pytest
from tests.app import Running, referral_bundle, resource_of, start, task_in
from tests.pacts.providing import States, Values, verify
from tests.pacts.written import FOLDER

PACTS = sorted(FOLDER.glob("*-gateway.json"))


def states_of(gateway: Running) -> States:
    """Each is brought about by what an EPR or a platform would send."""

    async def epr() -> Values:
        return {"token": gateway.tokens["demo-epr"]}

    async def platform() -> Values:
        return {"token": gateway.tokens["demo-platform"]}

    async def sent() -> Values:
        task = await gateway.refer()
        return {"task": task["id"], "request": task["focus"]["reference"].rpartition("/")[2]}

    async def known() -> Values:
        bundle = referral_bundle()
        resource_of(bundle, "ServiceRequest")["identifier"][0]["value"] = "PACT-KNOWN"
        answer = await gateway.call("demo-epr", "POST", "/FHIR/R4", bundle)
        return {"task": task_in(answer.json())["id"]}

    return {
        "an EPR may send and read": epr,
        "the EPR has sent a referral": sent,
        "the referral PACT-KNOWN was sent before": known,
        "a platform may read and work": platform,
    }


@pytest.mark.parametrize("pact", PACTS, ids=lambda pact: pact.stem)
async def test_the_gateway_keeps_the_pact(sqlite_template: Path, tmp_path: Path, pact: Path) -> None:
    shutil.copy(sqlite_template, tmp_path / "gateway.db")
    gateway = await start(f"sqlite+aiosqlite:///{tmp_path}/gateway.db", tmp_path)

    await verify("gateway", gateway.app, states_of(gateway), pact)

    await gateway.http.aclose()
    await gateway.store.close()
