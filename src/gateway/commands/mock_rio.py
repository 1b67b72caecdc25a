"""gateway mock-rio: an EPR to develop against, with its own record and faults as told."""

import os
import ssl
from pathlib import Path
from typing import Annotated

import typer
import uvicorn

from adapters.http import KEEP_ALIVE_SECONDS
from adapters.rio.mock import App, MockError, build_mock, load_faults, load_jwks, load_key, read_address
from gateway.demo.parties import mock_secret


def mock_rio(
    host: str = "127.0.0.1",
    port: int = 8001,
    store: Annotated[Path | None, typer.Option(help="Keep the record in this SQLite file.")] = None,
    faults: Annotated[Path | None, typer.Option(help="What goes wrong, a YAML file.")] = None,
    session_seconds: Annotated[float, typer.Option(help="How long a SOAP token is good.")] = 1200,
    jwks: Annotated[Path | None, typer.Option(help="Callers' public keys: the FHIR door asks for tokens.")] = None,
    certificate: Annotated[Path | None, typer.Option(help="TLS: the server's certificate, PEM.")] = None,
    key: Annotated[Path | None, typer.Option(help="TLS: its key, PEM.")] = None,
    client_authority: Annotated[Path | None, typer.Option(help="Mutual TLS: who signs callers, PEM.")] = None,
    mllp: Annotated[str | None, typer.Option(help="Where its HL7 v2 messages go: host:port.")] = None,
    gateway: Annotated[str, typer.Option(help="The gateway that its pages launch.")] = App.gateway,
    client_id: Annotated[str, typer.Option(help="What the gateway is called when it is launched.")] = App.client_id,
    app_keys: Annotated[
        Path | None, typer.Option(help="Its public keys, a JWKS: it must prove who it is for the token of a launch.")
    ] = None,
    signing_key: Annotated[
        Path | None, typer.Option(help="Its own private key (a JWK, ES384): for CDS Hooks and id_tokens.")
    ] = None,
    launch_secret: Annotated[
        str | None, typer.Option(envvar="MOCK_RIO_LAUNCH_SECRET", help="Offers launches by signed addresses, too.")
    ] = None,
) -> None:
    """Runs the mock RiO: takes the gateway's updates, shows the record, goes wrong as told.

    Its contract is in src/adapters/rio/README.md, its faults in src/adapters/rio/mock/README.md.
    """
    try:
        mock = build_mock(
            os.environ.get("MOCK_RIO_SECRET") or mock_secret(),
            store=store,
            faults=load_faults(faults) if faults else None,
            jwks=load_jwks(jwks) if jwks else None,
            session_seconds=session_seconds,
            mutual=client_authority is not None,
            mllp=read_address(mllp) if mllp else None,
            face=App(
                gateway=gateway.rstrip("/"),
                client_id=client_id,
                keys=load_jwks(app_keys) if app_keys else None,
                launch_secret=launch_secret,
            ),
            key=load_key(signing_key) if signing_key else None,
        )
    except MockError as mistake:
        typer.echo(mistake, err=True)
        raise typer.Exit(2) from None
    uvicorn.run(
        mock,
        host=host,
        port=port,
        loop="uvloop",
        access_log=False,
        log_level="warning",
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=2,  # a hanging call of a scripted fault does not hold it up
        ssl_certfile=certificate,
        ssl_keyfile=key,
        ssl_ca_certs=str(client_authority) if client_authority else None,
        ssl_cert_reqs=ssl.CERT_OPTIONAL if client_authority else ssl.CERT_NONE,  # the mock answers 403 itself
    )
