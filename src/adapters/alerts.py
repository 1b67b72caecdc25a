"""How people hear of alerts: by e-mail, and by a signed webhook of whatever their desk watches."""

import smtplib
import ssl
from base64 import b64decode
from collections.abc import Mapping
from datetime import UTC, datetime
from email.message import EmailMessage
from email.utils import format_datetime
from ipaddress import ip_address
from urllib.parse import unquote, urlsplit

from standardwebhooks import Webhook

from adapters.http import DestinationError, Neighbours

SECONDS = 10.0  # for one alert by one way


class NotTold(Exception):
    """It did not go out; the text says why, without addresses and secrets."""


def check_mail_server(url: str) -> None:
    """Raises ValueError unless this is smtp:// or smtps://, with a host."""
    parsed = urlsplit(url)
    if parsed.scheme not in {"smtp", "smtps"} or not parsed.hostname or parsed.path.strip("/"):
        raise ValueError("expected smtps://user:password@host:port, or smtp://host:port")


def check_secret(secret: str) -> None:
    """Raises ValueError unless this is a secret of Standard Webhooks."""
    try:
        size = len(b64decode(secret.removeprefix("whsec_"), validate=True))
    except ValueError:
        size = 0
    if not secret.startswith("whsec_") or size < 24:
        raise ValueError("expected whsec_ and 24 random bytes or more in base64 (Standard Webhooks)")


def send_mail(server: str, sender: str, to: str, alert_id: str, subject: str, text: str) -> None:
    """Hands one mail to the mail server. Blocks; raises NotTold.

    `smtps://` speaks TLS from the start, `smtp://` by STARTTLS, and plainly to this machine only. The Message-ID is the
    alert's own, so that whoever gets a mail twice sees that it is one.
    """
    parsed = urlsplit(server)
    host = parsed.hostname or ""
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = sender, to, subject
    message["Date"] = format_datetime(datetime.now(UTC))
    domain = sender.rpartition("@")[2].strip("> ") or "gateway.invalid"
    message["Message-ID"] = f"<{alert_id}@{domain}>"
    message["Auto-Submitted"] = "auto-generated"  # RFC 3834: no out-of-office answers
    message.set_content(text)
    try:
        if parsed.scheme == "smtps":
            context = ssl.create_default_context()
            client: smtplib.SMTP = smtplib.SMTP_SSL(host, parsed.port or 465, timeout=SECONDS, context=context)
        else:
            client = smtplib.SMTP(host, parsed.port or 587, timeout=SECONDS)
        with client:
            if parsed.scheme == "smtp" and not _is_here(host):
                client.starttls(context=ssl.create_default_context())
            if parsed.username:
                client.login(unquote(parsed.username), unquote(parsed.password or ""))
            client.send_message(message)
    except (OSError, smtplib.SMTPException, ValueError) as trouble:
        raise NotTold(f"the mail server: {type(trouble).__name__}") from trouble


def _is_here(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


class AlertWebhook:
    """POSTs each alert as JSON, signed as Standard Webhooks says; `webhook-id` is the alert's own."""

    def __init__(self, url: str, secret: str) -> None:
        self._url = url
        self._webhook = Webhook(secret)
        self._neighbours = Neighbours(SECONDS, 1)

    async def send(self, alert_id: str, body: bytes, headers: Mapping[str, str]) -> None:
        """Raises NotTold unless the answer is 2xx."""
        moment = datetime.now(UTC)
        signed = {
            "Content-Type": "application/json",
            "webhook-id": alert_id,
            "webhook-timestamp": str(int(moment.timestamp())),
            "webhook-signature": self._webhook.sign(alert_id, moment, body.decode()),
        }
        try:
            neighbour = await self._neighbours.at(self._url, {"private": True})
        except DestinationError as refusal:
            raise NotTold(f"the webhook: {refusal}") from None
        reply = await neighbour.post("", body, {**headers, **signed})
        if reply.phase in {"connect", "tls"}:
            await self._neighbours.forget(neighbour)
        if reply.status is None or not 200 <= reply.status < 300:
            raise NotTold(f"the webhook: {reply.status or f'no answer ({reply.phase})'}")

    async def close(self) -> None:
        await self._neighbours.close()
