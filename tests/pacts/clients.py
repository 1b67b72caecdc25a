"""An EPR and a platform that do what the pacts say of them, as small as they can be: they stand for yours."""

from typing import Any, Self
from uuid import UUID

import httpx

Json = dict[str, Any]


class _Caller:
    """Calls one door of the gateway; `with` closes its connections."""

    def __init__(self, door: str, token: str | None, **headers: str) -> None:
        self._base = door
        known = headers | ({"Authorization": f"Bearer {token}"} if token else {})
        self._http = httpx.Client(headers=known, trust_env=False, timeout=30)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *trouble: object) -> None:
        self._http.close()


class Epr(_Caller):
    """Sends referrals, follows them, takes them back. `token` as SMART Backend Services gives it, None for none."""

    def __init__(self, url: str, token: str | None) -> None:
        super().__init__(f"{url}/FHIR/R4", token, Accept="application/fhir+json")

    def refer(self, bundle: Json) -> httpx.Response:
        return self._send("POST", "", bundle)

    def tell(self, message: Json, request_id: UUID) -> httpx.Response:
        return self._send("POST", "/$process-message", message, {"X-Request-Id": str(request_id)})

    def try_out(self, bundle: Json) -> httpx.Response:
        return self._send("POST", "/Bundle/$validate", bundle)

    def read_task(self, id_: str) -> httpx.Response:
        return self._http.get(f"{self._base}/Task/{id_}")

    def changed_since(self, moment: str) -> httpx.Response:
        return self._http.get(f"{self._base}/Task", params={"_lastUpdated": f"ge{moment}", "_sort": "_lastUpdated"})

    def take_back(self, request_id: str, version: int) -> httpx.Response:
        kind = {"Content-Type": "application/json-patch+json", "If-Match": f'W/"{version}"'}
        revoked = [{"op": "replace", "path": "/status", "value": "revoked"}]
        return self._http.patch(f"{self._base}/ServiceRequest/{request_id}", json=revoked, headers=kind)

    def _send(self, method: str, path: str, body: Json, headers: dict[str, str] | None = None) -> httpx.Response:
        kind = {"Content-Type": "application/fhir+json"} | (headers or {})
        return self._http.request(method, f"{self._base}{path}", json=body, headers=kind)


class Platform(_Caller):
    """Finds referrals and works on them."""

    def __init__(self, url: str, token: str | None) -> None:
        super().__init__(f"{url}/platform/v1/referrals", token)

    def new_referrals(self) -> httpx.Response:
        return self._http.get(self._base, params={"status": "submitted", "limit": 50})

    def read(self, id_: str) -> httpx.Response:
        return self._http.get(f"{self._base}/{id_}")

    def move(self, id_: str, change: Json, version: int | None = None) -> httpx.Response:
        headers = {"If-Match": f'W/"{version}"'} if version else {}
        return self._http.post(f"{self._base}/{id_}/transitions", json=change, headers=headers)

    def add(self, id_: str, what: str, said: Json) -> httpx.Response:
        """`what` is contacts, prescriptions, measures ..."""
        return self._http.post(f"{self._base}/{id_}/{what}", json=said)
