"""MLLP (HL7 minimal lower layer protocol, release 1): blocks in, acknowledgements out. Contract: README.md.

The framing is ours, on asyncio's streams: python-hl7's server has no limits of time, loses its place after a block that
is too long, and refuses the line feed that some senders put between blocks.
"""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import structlog

START, END = b"\x0b", b"\x1c"
BETWEEN = b"\r\n \x00"  # what may stand between blocks: the end of the last one, and what senders pad with

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Limits:
    """What one connection, and all together, may cost."""

    block_bytes: int = 1_000_000
    block_seconds: float = 30  # from the first byte of a block to its last, and for the peer to take the answer
    idle_seconds: float = 900  # between blocks; the sender connects again
    connections: int = 50


@dataclass(frozen=True, slots=True)
class Block:
    """A block's content, and the names in the peer's certificate. `whole` is False where it was too long: then only
    its beginning is here."""

    content: bytes
    certificate_names: frozenset[str]
    whole: bool = True


Answer = Callable[[Block], Awaitable[bytes | None]]
"""Gives the acknowledgement of a block; None closes the connection without one, so that the sender sends it again."""


class _Broken(Exception):
    """The peer does not speak MLLP, or not to its end."""


@contextlib.asynccontextmanager
async def listening(
    answer: Answer, host: str, port: int, tls: ssl.SSLContext | None = None, limits: Limits | None = None
) -> AsyncIterator[int]:
    """Listens within the block; yields the port. At its end a message that is being processed is answered first."""
    limits = limits or Limits()
    talks: set[asyncio.Task[Any]] = set()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        talk = asyncio.current_task()
        assert talk is not None  # asyncio starts one for each connection
        if len(talks) >= limits.connections:
            log.warning("hl7v2 refused", reason="too many connections")
            writer.transport.abort()
            return
        talks.add(talk)
        try:
            await _converse(reader, writer, answer, limits)
        except asyncio.CancelledError:
            pass  # the listener ends; asyncio would log that this talk was cut short
        finally:
            talks.discard(talk)

    patience = limits.block_seconds if tls else None
    server = await asyncio.start_server(
        connected, host, port, limit=limits.block_bytes, ssl=tls, ssl_handshake_timeout=patience
    )
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for talk in talks:
            talk.cancel()
        await asyncio.gather(*talks, return_exceptions=True)


async def _converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, answer: Answer, limits: Limits) -> None:
    """One message after the other, each answered before the next is read: so their order is kept."""
    names = certificate_names(writer.get_extra_info("peercert"))
    try:
        while (content := await _read_block(reader, limits)) is not None:
            whole = len(content) <= limits.block_bytes
            given, stopped = await _finish(answer(Block(content[: limits.block_bytes], names, whole)))
            if given is None:
                break
            writer.write(START + given + END + b"\r")
            async with asyncio.timeout(limits.block_seconds):
                await writer.drain()
                if not whole:
                    await _hear_out(reader)
            if stopped or not whole:
                break
    except (_Broken, TimeoutError, OSError) as trouble:
        log.info("hl7v2 closed", reason=str(trouble) or type(trouble).__name__)
    finally:
        writer.close()
        with contextlib.suppress(OSError, TimeoutError):
            async with asyncio.timeout(1):
                await writer.wait_closed()


async def _finish(answering: Awaitable[bytes | None]) -> tuple[bytes | None, bool]:
    """The answer, also when the listener is told to stop meanwhile; and whether it was."""
    task = asyncio.ensure_future(answering)
    try:
        return await asyncio.shield(task), False
    except asyncio.CancelledError:
        return await task, True


async def _read_block(reader: asyncio.StreamReader, limits: Limits) -> bytes | None:
    """The content of the next block; None when the peer has gone. Raises _Broken, TimeoutError.

    More than `block_bytes` of it come back only where it is longer than that.
    """
    async with asyncio.timeout(limits.idle_seconds):
        first = await reader.read(1)
        while first and first in BETWEEN:
            first = await reader.read(1)
    if not first:
        return None
    if first != START:
        raise _Broken("what came was no MLLP block")
    try:
        async with asyncio.timeout(limits.block_seconds):
            content = (await reader.readuntil(END))[:-1]
    except asyncio.LimitOverrunError:
        return await reader.readexactly(limits.block_bytes + 1)
    except asyncio.IncompleteReadError:
        raise _Broken("the connection ended within a block") from None
    if START in content:
        raise _Broken("a block began within a block")
    return content


async def _hear_out(reader: asyncio.StreamReader) -> None:
    """Throws away the rest of a block: a close with bytes unread would reset the connection, and take the answer with
    it before the peer has read it."""
    while (rest := await reader.read(65_536)) and END not in rest:
        pass


def certificate_names(certificate: Any) -> frozenset[str]:
    """The common name and the DNS names of a peer's certificate, as Python's ssl shows it."""
    subject = [value for part in (certificate or {}).get("subject", ()) for key, value in part if key == "commonName"]
    others = [value for kind, value in (certificate or {}).get("subjectAltName", ()) if kind == "DNS"]
    return frozenset([*subject, *others])


def server_tls(certificate: Path, key: Path, client_authority: Path | None) -> ssl.SSLContext:
    """TLS of the listener; with an authority, only peers with a certificate that it has signed. Raises OSError."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(certificate, key)
    if client_authority:
        context.load_verify_locations(client_authority)
        context.verify_mode = ssl.CERT_REQUIRED
    return context
