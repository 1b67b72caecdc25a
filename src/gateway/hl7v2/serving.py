"""Runs the listener beside the servers: a process of its own on the same database."""

import asyncio
import ipaddress
import signal
import ssl
from collections.abc import Callable

from adapters.hl7v2.listener import Block, Limits, listening
from gateway.arrival import Gateway
from gateway.hl7v2.taking import take
from gateway.parties import Directory
from gateway.settings import Settings
from gateway.store.engine import Store


def refuse_open(host: str, tls: ssl.SSLContext | None) -> None:
    """Raises ValueError when strangers could reach a listener that asks nobody who they are: MSH-3 is only a word."""
    asks = tls is not None and tls.verify_mode == ssl.CERT_REQUIRED
    if not asks and not _is_loopback(host):
        raise ValueError(
            f"{host} is open to others. Give --certificate, --key and --client-authority, so that only known "
            "systems connect, or listen on 127.0.0.1 behind a tunnel that checks them."
        )


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


async def serve(
    settings: Settings, host: str, port: int, tls: ssl.SSLContext | None, tell: Callable[[int], None]
) -> None:
    """Until SIGINT or SIGTERM; then the messages in hand are finished. `tell` gets the port. Raises OSError."""
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    store = Store(settings.database_url, settings.database_connections)
    gateway = Gateway(settings, store, Directory(store))

    async def answer(block: Block) -> bytes | None:
        return await take(gateway, block)

    try:
        async with listening(answer, host, port, tls, Limits()) as bound:
            tell(bound)
            await stop.wait()
    finally:
        await store.close()
