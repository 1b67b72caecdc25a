"""The mock RiO as a caller sees it: by zeep, which knows nothing of how the mock reads and writes SOAP."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
import zeep
from standardwebhooks import Webhook
from zeep.exceptions import Fault
from zeep.proxy import AsyncServiceProxy
from zeep.transports import AsyncTransport

import adapters.rio
from adapters.rio.mock.contract import NAMESPACE

SECRET = "whsec_" + "c29jaWFsLXByZXNjcmliaW5nLXRlc3Rz"
FOLDER = Path(adapters.rio.__file__).parent
BINDING = f"{{{NAMESPACE}}}ApiServiceSoap"

MAGGIE = "0012345"
HER_NHS_NUMBER = "9992047186"


@cache
def described() -> zeep.wsdl.Document:
    """The WSDL, which takes zeep half a second to read."""
    return zeep.Client(str(FOLDER / "api-v40.wsdl")).wsdl  # type: ignore[no-untyped-call]


@dataclass
class Rio:
    """The mock as a caller sees it. `headers` go with each SOAP call."""

    url: str
    client: httpx.AsyncClient
    token: str | None = None
    system: str = "test"
    headers: dict[str, str] = field(default_factory=dict)

    @cached_property
    def service(self) -> AsyncServiceProxy:
        transport = AsyncTransport(client=self.client)  # type: ignore[no-untyped-call]  # zeep types little
        transport.wsdl_client.close()
        soap = zeep.AsyncClient(described(), transport=transport)  # type: ignore[no-untyped-call]
        address = f"{self.url}/API/4.0/ApiService"
        return AsyncServiceProxy(soap, soap.wsdl.bindings[BINDING], address=address)  # type: ignore[no-untyped-call]

    async def call(self, operation: str, **values: Any) -> Any:
        """The answer, as zeep reads it. Raises zeep's Fault."""
        header = {"PlatformType": "test", "SystemName": self.system} | ({"Token": self.token} if self.token else {})
        self.client.headers.update(self.headers)
        return await self.service[operation](**values, _soapheaders={"header": header})

    async def authenticate(self, **given: str) -> Any:
        plain = {"authenticationType": "PLAIN", "userName": "gateway", "password": "mock-rio-password"}
        answer = await self.call("Authenticate", **(given or plain))
        self.token = answer.Token
        return answer

    async def put_task(self, number: int = 1) -> httpx.Response:
        """A version of the Task t1, signed as the gateway signs."""
        at, identity = datetime.now(UTC), f"t1-{number}"
        body = (
            f'{{"resourceType":"Task","id":"t1","status":"accepted","meta":{{"versionId":"{number}",'
            f'"lastUpdated":"{at.isoformat()}"}},"note":[{{"text":"Ünicode"}}]}}'
        )
        signed = {
            "Content-Type": "application/fhir+json",
            "webhook-id": identity,
            "webhook-timestamp": str(int(at.timestamp())),
            "webhook-signature": Webhook(SECRET).sign(identity, at, body),
        }
        return await self.client.put(f"{self.url}/FHIR/R4/Task/t1", content=body, headers=signed)

    async def refused(self, operation: str, **values: Any) -> str:
        """The code of the fault that a call must end in."""
        with pytest.raises(Fault) as caught:
            await self.call(operation, **values)
        return code_of(caught.value)

    async def script(self, *rules: dict[str, Any], seed: int = 1) -> None:
        text = yaml.safe_dump({"seed": seed, "rules": list(rules)})
        (await self.client.put(f"{self.url}/faults", content=text)).raise_for_status()

    async def effects(self) -> list[str]:
        return [effect["Target"] for effect in (await self.client.get(f"{self.url}/effects")).json()]

    async def chart(self, client_id: str = MAGGIE) -> Any:
        return (await self.client.get(f"{self.url}/record/clients/{client_id}")).json()

    async def texts(self) -> list[str]:
        """What the progress notes of her record say."""
        return [chain[-1]["NoteText"] for chain in (await self.chart())["notes"]]

    async def page(self, client_id: str = MAGGIE) -> str:
        """The overview and the notes of a client, as the records desk sees them."""
        await self.sign_in()
        record = f"{self.url}/clients/{client_id}"
        return "".join([(await self.client.get(f"{record}{tab}")).text for tab in ("", "/notes")])

    async def sign_in(self, name: str = "records", password: str = "demo") -> httpx.Response:
        return await self.client.post(f"{self.url}/sign-in", data={"name": name, "password": password})


def code_of(fault: Fault) -> str:
    code: str = fault.detail.findtext(f".//{{{NAMESPACE}}}Code")
    return code


Serve = Callable[..., AbstractAsyncContextManager[Rio]]
