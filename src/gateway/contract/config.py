"""What the runner must know of the counterpart: a YAML file beside the engineer's own tests."""

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from gateway.contract.headers import VALUE, Headers
from gateway.contract.reading import Unreadable, line_of, read_json, read_yaml
from gateway.parties.destinations import Secret
from gateway.parties.shapes import check_strength, imported


class ConfigError(Exception):
    """The configuration cannot be used; the text says where and what was expected."""


class _Entry(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


def _is_token(text: str) -> str:
    if not VALUE.fullmatch(text):
        raise ValueError("it has signs that no header may have (RFC 9110, 5.5)")
    return text


class Account(_Entry):
    """Who the runner is to the counterpart: a fixed token, or a client that fetches one (SMART Backend Services)."""

    token: Annotated[str, AfterValidator(_is_token)] | None = None
    client_id: str | None = None
    key_file: Path | None = None  # a private JWK
    token_url: str | None = None  # without it, as the target's smart-configuration says
    scope: str | None = None

    @model_validator(mode="after")
    def _one_way(self) -> "Account":
        if bool(self.token) == bool(self.client_id and self.key_file):
            raise ValueError("expected `token`, or `client_id` and `key_file`")
        return self


class Config(_Entry):
    clients: dict[str, Account] = {}  # `default`: used for each request to the target that names no other
    secret: Secret | None = None  # whsec_...: what the gateway signs its updates with
    headers: Headers = {}  # sent with each request to the target
    agreed: list[Literal["conditional", "provenance"]] = []  # with an EPR, as in its destination's options
    subscription: str | None = None  # of a subscriber: the address of its Subscription, where it knows no other
    topic: str = "urn:social-prescribing-gateway:SubscriptionTopic:task"  # ... and what that is about
    platform_url: str | None = None  # of a gateway: its /platform/v1, where that is not beside its FHIR base
    keys_file: Path | None = None  # the counterpart's public keys (a JWK Set), by which the runner's gateway knows it
    authority: Path | None = None  # PEM: who signed the target's certificate
    certificate: Path | None = None  # PEM: the runner's own, for mutual TLS
    key: Path | None = None
    seconds: Annotated[float, Field(gt=0, le=600)] = 10  # for one answer
    patience: Annotated[float, Field(gt=0, le=3600)] = 60  # for what the counterpart is to do

    def has(self, entry: str) -> bool:
        """Whether `secret`, `clients.other-epr` or `agreed.conditional` is there."""
        name, _, inner = entry.partition(".")
        there = getattr(self, name, None)
        return bool(inner in there if inner and isinstance(there, dict | list) else there)

    @property
    def options(self) -> dict[str, Any]:
        """How the target is reached, in the words of adapters.http."""
        tls = {"authority": self.authority, "certificate": self.certificate, "key": self.key}
        files = {name: str(file) for name, file in tls.items() if file}
        return {"private": True} | ({"tls": files} if files else {})


def read_config(path: Path | None) -> Config:
    """Raises ConfigError. Files in it are found from its folder, and keys are looked at."""
    if path is None:
        return Config()
    try:
        document, root = read_yaml(path)
    except Unreadable as trouble:
        raise ConfigError(str(trouble)) from None
    try:
        config = _beside(Config.model_validate({} if document is None else document), path.parent)
    except ValidationError as mistakes:
        told = [
            f"{path}, line {line_of(root, one['loc'])}: {'.'.join(map(str, one['loc'])) or 'the file'}: {one['msg']}"
            for one in mistakes.errors()
        ]
        raise ConfigError("\n".join(told)) from None
    for account in config.clients.values():
        if account.key_file:
            read_key(account.key_file)
    if config.keys_file:
        read_public_keys(config.keys_file)
    return config


def _beside(config: Config, folder: Path) -> Config:
    accounts = {
        name: account.model_copy(update={"key_file": account.key_file and folder / account.key_file})
        for name, account in config.clients.items()
    }
    files = {name: getattr(config, name) for name in ("keys_file", "authority", "certificate", "key")}
    found = {name: folder / file for name, file in files.items() if file}
    for file in found.values():
        if "\0" in str(file) or not file.is_file():
            raise ConfigError(f"{file}: there is no such file")
    return config.model_copy(update={"clients": accounts, **found})


def read_key(file: Path) -> dict[str, Any]:
    """A private JWK with a kid, of a kind that SMART Backend Services can use. Raises ConfigError for all else."""
    try:
        jwk: dict[str, Any] = read_json(file)
        key = imported(jwk)
        check_strength(key)
    except Unreadable as trouble:
        raise ConfigError(f"{trouble}. It should be a private JSON Web Key (RFC 7517), with a kid") from None
    except ValueError as mistake:
        raise ConfigError(f"{file}: {mistake}; the runner needs its private half, with a kid") from None
    if not key.is_private or not isinstance(key.kid, str) or not key.kid:
        raise ConfigError(f"{file}: expected the private half of a JSON Web Key, with a kid")
    return jwk


def read_public_keys(file: Path) -> dict[str, Any]:
    """A JWK Set with one key at least; each is judged where the counterpart is registered. Raises ConfigError."""
    try:
        keys = read_json(file)
    except Unreadable as trouble:
        raise ConfigError(f"{trouble}. It should be a JWK Set with the public keys") from None
    if not isinstance(keys, dict) or not isinstance(keys.get("keys"), list) or not keys["keys"]:
        raise ConfigError(f'{file}: expected a JWK Set with the public keys: {{"keys": [...]}}, one at least')
    return keys
