"""The invented parties of the demo: two trusts that must not see each other, three hubs and who works for them.

`parties.json` is a parties file without keys: each machine makes its own, so that no private key is ever published.
"""

import json
from importlib.resources import files
from pathlib import Path
from typing import Any

from joserfc.jwk import ECKey, import_key

from adapters.rio.mock.app import USERS
from gateway.parties import Parties, read_parties, register
from gateway.security import read_or_make
from gateway.store.engine import Store
from gateway.store.migrate import migrate

MOCK = "mock-rio"  # whose key signs what the mock RiO says of itself
CALLBACK_URL = "http://127.0.0.1:8001/FHIR/R4"
RECORD_URL = "http://127.0.0.1:8001/API/4.0"


def demo_parties(keys_folder: Path, callback_url: str = CALLBACK_URL, record_url: str | None = None) -> Parties:
    """The demo's parties. Makes the clients' private keys in the folder where they are absent. With the address of the
    mock RiO's SOAP API, changes are written into its record, too."""
    document = _document()
    for client in document["clients"]:
        key = import_key(json.loads(read_or_make(_key_file(client["id"], keys_folder), _new_key)))
        client["jwks"] = {"keys": [key.as_dict(private=False)]}
    for destination in document["destinations"]:
        destination["url"] = callback_url
    for organisation in document["organisations"]:
        for epr in organisation.get("eprs", []):
            key = import_key(json.loads(read_or_make(_key_file(MOCK, keys_folder), _new_key)))
            base = callback_url.removesuffix("/FHIR/R4")
            issuer = {"issuer": callback_url, "origins": [base]}
            epr.update(issuer, cds={"issuer": base, "keys": [key.as_dict(private=False)]})
    if record_url:
        password = keys_folder / "mock-rio-password"
        read_or_make(password, lambda: USERS["gateway"])
        record = json.loads(files("gateway.demo").joinpath("record.json").read_text("utf-8"))
        document["destinations"].append(record | {"url": record_url, "password_file": str(password)})
    return read_parties(document, "demo parties")


async def prepare_demo(
    database_url: str, keys_folder: Path, callback_url: str = CALLBACK_URL, record_url: str | None = None
) -> None:
    """A migrated database in which the demo's parties are registered; safe to run again."""
    await migrate(database_url)
    store = Store(database_url, connections=1)
    try:
        await register(store, demo_parties(keys_folder, callback_url, record_url))
    finally:
        await store.close()


def mock_secret() -> str:
    """The secret that the gateway signs with towards the mock RiO: public, so good for nothing else."""
    return str(_document()["destinations"][0]["secret"])


def private_key(client_id: str, keys_folder: Path) -> dict[str, Any]:
    """The client's private key, a JWK. Raises LookupError, naming the clients there are."""
    try:
        key: dict[str, Any] = json.loads(_key_file(client_id, keys_folder).read_text("utf-8"))
    except FileNotFoundError:
        known = ", ".join(sorted(file.stem for file in keys_folder.glob("*.json") if file.stem != MOCK))
        raise LookupError(
            f"{keys_folder} holds no key of {client_id}; it has keys of: {known or 'nobody, run `make serve` first'}"
        ) from None
    return key


def _document() -> dict[str, Any]:
    document: dict[str, Any] = json.loads(files("gateway.demo").joinpath("parties.json").read_text("utf-8"))
    return document


def _key_file(client_id: str, keys_folder: Path) -> Path:
    return keys_folder / f"{client_id}.json"


def _new_key() -> str:
    key = ECKey.generate_key("P-384", {"use": "sig", "alg": "ES384"}, auto_kid=True)
    return json.dumps(key.as_dict(private=True))
