"""Every setting of the gateway: environment variable GATEWAY_<NAME>, default, unit and the reason for it."""

import sys
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Self

from pydantic import AfterValidator, Field, SecretStr, ValidationError, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from adapters.alerts import check_mail_server, check_secret
from adapters.http import check_destination


def _is_database(url: str) -> str:
    """Raises ValueError, without the address: it may hold a password."""
    try:
        driver = make_url(url).drivername
    except ArgumentError:
        driver = ""
    if driver not in ("sqlite+aiosqlite", "postgresql+asyncpg"):
        raise ValueError("must be postgresql+asyncpg://USER:PASSWORD@HOST:5432/NAME or sqlite+aiosqlite:///FILE")
    return url


class Settings(BaseSettings):
    model_config = SettingsConfigDict(env_prefix="GATEWAY_", extra="ignore", hide_input_in_errors=True)

    database_url: Annotated[str, AfterValidator(_is_database)] = Field(
        default="sqlite+aiosqlite:///var/gateway.db",
        description="SQLAlchemy URL; postgresql+asyncpg://... at scale, SQLite (WAL) for one trust or a trial.",
    )
    database_connections: int = Field(
        default=8, description="Open connections a process keeps; writes are batched on one."
    )
    base_url: str = Field(
        default="http://127.0.0.1:8000",
        description="The address others reach us at: Location headers, fullUrl, token audience. It may have a path, "
        "which what is in front takes off each request.",
    )
    token_secret_file: Path = Field(
        default=Path("var/token-secret"),
        description="Holds the secret that signs access tokens; made (0600) when absent. Shared by processes.",
    )
    token_seconds: int = Field(
        default=300, description="Life of an access token; SMART Backend Services recommends <= 300 s."
    )
    page_session_seconds: int = Field(
        default=1800,
        ge=60,
        description="How long a page inside the EPR may lie idle; after eight times that the EPR launches it anew.",
    )
    max_body_bytes: int = Field(
        default=5_000_000, description="Larger bodies are refused with 413 before they are parsed."
    )
    nhs_number_check: str = Field(
        default="reject",
        pattern="^(reject|warn|off)$",
        description="What a wrong check digit does; many official examples fail it, so sandboxes may warn.",
    )
    directory_seconds: float = Field(
        default=10,
        description="How old what a process knows of parties may be; a FHIR Subscription is active after that.",
    )
    dialects_folder: Path | None = Field(
        default=None,
        description="A folder of your own dialects (NAME.json, see docs/write-a-map.md), beside those that come along.",
    )
    worker: bool = Field(
        default=True, description="Whether `gateway serve` also delivers; off where `gateway work` runs alone."
    )
    poll_seconds: float = Field(
        default=0.5, description="How often the worker looks for due deliveries when nothing wakes it."
    )
    lease_seconds: float = Field(
        default=60, description="How long a claimed delivery is one worker's; after that it is due again."
    )
    send_timeout_seconds: float = Field(default=15, description="For one push; Rio's first answer can take 12 s.")
    fetch_timeout_seconds: float = Field(
        default=5, description="For one resource from a sender's own server; a whole referral may take four times that."
    )
    retry_seconds: tuple[float, ...] = Field(
        default=(1, 5, 30, 120, 600, 1800, 3600, 7200, 14400, 28800, 28800),
        description="Longest wait before each retry (full jitter: a random part of it); within a day a dead letter.",
    )
    late_seconds: float = Field(
        default=300, description="An update undelivered for so long is told to the referral's readers, in red."
    )
    alert_after_seconds: float = Field(
        default=60, description="So long a destination fails before somebody is alerted: a restart there is no news."
    )
    disable_after_seconds: float = Field(
        default=5 * 86_400, description="A destination that fails for so long is left alone until a person resumes it."
    )
    smtp_url: SecretStr | None = Field(
        default=None,
        description="Mail server for alerts: smtps://user:password@host:465, or smtp://host:587 (STARTTLS).",
    )
    alert_from: str | None = Field(default=None, description="The sender of alerts by e-mail.")
    alert_to: str | None = Field(default=None, description="Who gets alerts by e-mail; several with commas.")
    alert_webhook_url: str | None = Field(
        default=None, description="Gets each alert as a signed POST (Standard Webhooks); https, or this machine."
    )
    alert_webhook_secret: SecretStr | None = Field(default=None, description="What it is signed with: whsec_...")
    metrics_token_file: Path | None = Field(
        default=None,
        description="Holds a bearer token for /metrics; made (0600) when absent. Default: beside the token secret.",
    )
    log_level: str = Field(default="INFO", description="DEBUG, INFO, WARNING or ERROR.")

    @model_validator(mode="after")
    def _lease_outlives_a_send(self) -> Self:
        if self.lease_seconds < 2 * self.send_timeout_seconds:
            raise ValueError("GATEWAY_LEASE_SECONDS must be at least twice GATEWAY_SEND_TIMEOUT_SECONDS.")
        return self

    @model_validator(mode="after")
    def _alerts_are_whole(self) -> Self:
        if self.smtp_url and not (self.alert_from and self.alert_to):
            raise ValueError("GATEWAY_SMTP_URL needs GATEWAY_ALERT_FROM and GATEWAY_ALERT_TO.")
        if bool(self.alert_webhook_url) != bool(self.alert_webhook_secret):
            raise ValueError("GATEWAY_ALERT_WEBHOOK_URL and GATEWAY_ALERT_WEBHOOK_SECRET go together.")
        if self.smtp_url:
            _check("GATEWAY_SMTP_URL", check_mail_server, self.smtp_url.get_secret_value())
        if self.alert_webhook_url and self.alert_webhook_secret:
            _check("GATEWAY_ALERT_WEBHOOK_URL", check_destination, self.alert_webhook_url)
            _check("GATEWAY_ALERT_WEBHOOK_SECRET", check_secret, self.alert_webhook_secret.get_secret_value())
        return self


def _check(name: str, check: Callable[[str], object], value: str) -> None:
    try:
        check(value)
    except ValueError as mistake:
        raise ValueError(f"{name}: {mistake}") from None


@lru_cache
def settings() -> Settings:
    """The settings of this process, read once. A wrong one ends the process with exit code 2, and is named."""
    try:
        return Settings()
    except ValidationError as mistakes:
        for one in mistakes.errors():
            name = f"GATEWAY_{str(one['loc'][0]).upper()}" if one["loc"] else "Settings"
            print(f"{name}: {one['msg'].removeprefix('Value error, ')}", file=sys.stderr)
        raise SystemExit(2) from None
