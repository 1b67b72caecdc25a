"""What the runner must know of the counterpart: a YAML file beside the engineer's own tests."""

from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from joserfc.errors import JoseError
from joserfc.jwk import import_key
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from gateway.parties.destinations import Secret


class ConfigError(Exception):
    """The configuration cannot be used; the text says where and what was expected."""


class _Entry(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class Account(_Entry):
    """Who the runner is to the counterpart: a fixed token, or a client that fetches one (SMART Backend Services)."""

    token: str | None = None
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
    headers: dict[str, str] = {}  # sent with each request to the target
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
    """Raises ConfigError. Files in it are found from its folder."""
    if path is None:
        return Config()
    try:
        document = yaml.safe_load(path.read_text("utf-8"))
        config = Config.model_validate(document or {})
    except OSError as trouble:
        raise ConfigError(f"{path}: cannot be read: {trouble.strerror}") from None
    except (UnicodeDecodeError, yaml.YAMLError):
        raise ConfigError(f"{path}: expected YAML") from None
    except ValidationError as mistakes:
        told = [f"{path}: {'.'.join(map(str, one['loc'])) or 'the file'}: {one['msg']}" for one in mistakes.errors()]
        raise ConfigError("\n".join(told)) from None
    return _beside(config, path.parent)


def _beside(config: Config, folder: Path) -> Config:
    accounts = {
        name: account.model_copy(update={"key_file": account.key_file and folder / account.key_file})
        for name, account in config.clients.items()
    }
    files = {name: getattr(config, name) for name in ("keys_file", "authority", "certificate", "key")}
    found = {name: folder / file for name, file in files.items() if file}
    for file in found.values():
        if not file.is_file():
            raise ConfigError(f"{file}: there is no such file")
    return config.model_copy(update={"clients": accounts, **found})


def read_key(file: Path) -> dict[str, Any]:
    """A private JWK with a kid. Raises ConfigError for everything else."""
    try:
        document: dict[str, Any] = yaml.safe_load(file.read_text("utf-8"))
        key = import_key(document)
    except OSError as trouble:
        raise ConfigError(f"{file}: cannot be read: {trouble.strerror}") from None
    except (UnicodeDecodeError, yaml.YAMLError, JoseError, ValueError, TypeError, AttributeError):
        raise ConfigError(f"{file}: expected a private JSON Web Key (RFC 7517)") from None
    if not key.is_private or not document.get("kid"):
        raise ConfigError(f"{file}: expected the private half of a JSON Web Key, with a kid")
    return document
