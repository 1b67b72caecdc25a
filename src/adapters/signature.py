"""How a neighbour knows that an update comes from us, unchanged: Standard Webhooks 1.0.0."""

from datetime import UTC, datetime

from standardwebhooks import Webhook

from adapters.ports import Update


def signed_headers(update: Update, body: bytes) -> dict[str, str]:
    """The ids of an update, stable through its retries, and the signature of this attempt."""
    moment = datetime.now(UTC)
    return {
        "X-Request-Id": update.delivery_id,
        "X-Correlation-Id": update.correlation_id,
        "webhook-id": update.delivery_id,
        "webhook-timestamp": str(int(moment.timestamp())),
        "webhook-signature": Webhook(update.secret).sign(update.delivery_id, moment, body.decode()),
    }
