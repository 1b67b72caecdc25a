"""Tells people, once each, that a destination fails, that it was given up, and that it has recovered.

An alert is a row, written in the transaction that changes the destination, so that there is one for each outage
whatever happens to the workers. It goes out by the log, by e-mail and by a webhook, as far as they are set; each way is
tried again until it succeeds, without repeating the others. A worker killed between the mail server's answer and its
own commit repeats a mail, under the same Message-ID. No patient data is in any of it.
"""

import asyncio
from datetime import timedelta
from types import MappingProxyType

import orjson
import structlog

from adapters.alerts import SECONDS, AlertWebhook, NotTold, send_mail
from gateway.ids import instant, now
from gateway.settings import Settings
from gateway.store.alerts import Alert, claim_alerts, keep, notice_failing
from gateway.store.engine import Store

WORDS = MappingProxyType({"failing": "fails", "recovered": "has recovered", "disabled": "was given up"})
TOGETHER = 5  # alerts that one worker takes
LEASE = TOGETHER * 2 * SECONDS + 20  # seconds: each may take as long as both ways at their slowest
LONGEST_WAIT = 3600.0  # seconds between two tries of one alert

log = structlog.get_logger()


class Alarm:
    """Sends the alerts of one process by the ways that are set."""

    def __init__(self, store: Store, settings: Settings) -> None:
        self.store = store
        self.settings = settings
        url, secret = settings.alert_webhook_url, settings.alert_webhook_secret
        self.webhook = AlertWebhook(url, secret.get_secret_value()) if url and secret else None
        self.ways = {"log"} | ({"email"} if settings.smtp_url else set()) | ({"webhook"} if self.webhook else set())

    async def tell(self) -> int:
        """Notices what fails and sends what is due; returns how many alerts were tried."""
        await notice_failing(self.store, self.settings.alert_after_seconds, self.settings.disable_after_seconds)
        claimed = await claim_alerts(self.store, LEASE, TOGETHER)
        for one in claimed:
            await self._send(one)
        return len(claimed)

    async def _send(self, alert: Alert) -> None:
        told = set(alert.told)
        for way in sorted(self.ways - told, key=["log", "email", "webhook"].index):
            try:
                await self._by(way, alert)
            except NotTold as trouble:
                log.warning("alert not sent", alert=alert.id, failure=str(trouble), attempt=alert.attempts)
            else:
                told.add(way)
                if told < self.ways:  # so that a worker that dies now has not to repeat it
                    await keep(self.store, alert, told, alert.leased_until)
        wait = min(LONGEST_WAIT, 5.0 * 2 ** min(alert.attempts, 12))
        await keep(self.store, alert, told, None if told >= self.ways else now() + timedelta(seconds=wait))

    async def _by(self, way: str, alert: Alert) -> None:
        if way == "log":
            log.warning(
                "alert",
                alert=alert.id,
                destination=alert.destination_id,
                kind=alert.kind,
                reason=alert.reason,
                owner=alert.owner,
            )
        elif way == "email":
            await asyncio.to_thread(self._mail, alert)
        elif self.webhook:
            told = {
                "id": alert.id,
                "type": f"destination.{alert.kind}",
                "timestamp": instant(alert.at),
                "data": {
                    "destination": alert.destination_id,
                    "organisation": alert.organisation,
                    "owner": alert.owner,
                    "reason": alert.reason,
                },
            }
            await self.webhook.send(alert.id, orjson.dumps(told), {})

    def _mail(self, alert: Alert) -> None:
        settings = self.settings
        assert settings.smtp_url
        assert settings.alert_from
        assert settings.alert_to
        subject = f"Destination {alert.destination_id} {WORDS[alert.kind]}"
        text = (
            f"{subject}.\n\n{alert.reason}\n\nSince: {instant(alert.at)}\nOrganisation: {alert.organisation}\n"
            f"Looked after by: {alert.owner}\n\nDeliveries: {settings.base_url}/app/deliveries\n"
        )
        send_mail(settings.smtp_url.get_secret_value(), settings.alert_from, settings.alert_to, alert.id, subject, text)

    async def close(self) -> None:
        if self.webhook:
            await self.webhook.close()
