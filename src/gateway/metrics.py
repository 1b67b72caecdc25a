"""/metrics: the figures of all processes together, in Prometheus's text format.

They are read from the database at each scrape, so they are right with any number of processes and through restarts:
nothing is counted in memory.
"""

import secrets
from collections.abc import Awaitable, Callable, Iterable, Sequence

from fastapi import FastAPI
from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest
from prometheus_client.registry import Collector
from starlette.requests import Request
from starlette.responses import Response

from gateway.errors import Forbidden
from gateway.heartbeat import Heartbeat
from gateway.ids import now
from gateway.security import Caller
from gateway.store.heartbeats import Counted, Rehearsed, alerts_unsent, heartbeats, lag_of, last_rehearsal, tallies

STATES = ("healthy", "failing", "paused", "disabled", "retired", "requested", "error")
READ = "operations/deliveries.read"


def add_metrics_route(app: FastAPI, token: str) -> None:
    app.add_route("/metrics", _metrics(token), methods=["GET"])


def _metrics(token: str) -> Callable[[Request], Awaitable[Response]]:
    async def metrics(request: Request) -> Response:
        """For whoever holds the token of the scraper, or an operator's access token. Holds no patient data."""
        authorization = request.headers.get("authorization")
        if not _is_scraper(authorization, token):
            caller: Caller = request.app.state.gatekeeper.caller(authorization)
            request.state.caller = caller
            if caller.role != "operator" or not caller.allows(READ):
                raise Forbidden(f"This needs an operator's token with the scope {READ}, or the scraper's own token.")
        store = request.app.state.gateway.store
        figures = Figures(
            await heartbeats(store), await tallies(store), await alerts_unsent(store), await last_rehearsal(store)
        )
        registry = CollectorRegistry(auto_describe=False)
        registry.register(figures)
        return Response(generate_latest(registry), headers={"Content-Type": CONTENT_TYPE_PLAIN_0_0_4})

    return metrics


def _bound(most: str) -> str:
    return most if most == "+Inf" else str(float(most))


def _is_scraper(authorization: str | None, token: str) -> bool:
    given = (authorization or "").encode("latin-1", "replace")
    return secrets.compare_digest(given, f"Bearer {token}".encode())


class Figures(Collector):
    """What was read for one scrape."""

    def __init__(
        self, beats: Sequence[Heartbeat], counted: Sequence[Counted], unsent: int, rehearsed: Rehearsed | None
    ) -> None:
        self.beats = beats
        self.counted = counted
        self.unsent = unsent
        self.rehearsed = rehearsed

    def collect(self) -> Iterable[Metric]:
        attempts = CounterMetricFamily(
            "gateway_delivery_attempts", "Attempts to deliver, by how they ended.", labels=["destination", "outcome"]
        )
        seconds = CounterMetricFamily(
            "gateway_delivery_attempt_seconds", "Time that attempts took.", labels=["destination", "outcome"]
        )
        for one in self.counted:
            if one.measure == "attempt":
                attempts.add_metric([one.destination_id, one.label], one.count)
                seconds.add_metric([one.destination_id, one.label], one.seconds)
        yield attempts
        yield seconds
        yield self._lags()
        yield from self._gauges()

    def _lags(self) -> Metric:
        lags = HistogramMetricFamily(
            "gateway_delivery_lag_seconds", "Time from a change to its arrival.", labels=["destination"]
        )
        for id_ in sorted({one.destination_id for one in self.counted if one.measure == "lag"}):
            buckets, total = lag_of([one for one in self.counted if one.destination_id == id_])
            lags.add_metric([id_], [(_bound(most), float(count)) for most, count in buckets], total)
        return lags

    def _gauges(self) -> Iterable[Metric]:
        undelivered = GaugeMetricFamily(
            "gateway_deliveries_undelivered", "Updates that are due.", labels=["destination"]
        )
        oldest = GaugeMetricFamily(
            "gateway_oldest_undelivered_seconds", "Age of the oldest update that is due.", labels=["destination"]
        )
        dead = GaugeMetricFamily("gateway_dead_letters", "Updates out of retries.", labels=["destination"])
        state = GaugeMetricFamily(
            "gateway_destination_state", "1 for the state that a destination is in.", labels=["destination", "state"]
        )
        for beat in self.beats:
            undelivered.add_metric([beat.id], beat.undelivered)
            oldest.add_metric([beat.id], beat.oldest_undelivered_seconds or 0)
            dead.add_metric([beat.id], beat.dead)
            for one in STATES:
                state.add_metric([beat.id, one], float(beat.state == one))
        yield from (undelivered, oldest, dead, state)
        yield GaugeMetricFamily("gateway_alerts_unsent", "Alerts that nobody has been told of.", value=self.unsent)
        if self.rehearsed:
            age = (now() - self.rehearsed.at).total_seconds()
            went = float(self.rehearsed.failure is None)
            yield GaugeMetricFamily("gateway_rehearsal_age_seconds", "Since the last rehearsal.", value=age)
            yield GaugeMetricFamily("gateway_rehearsal_success", "1 when it went all the way round.", value=went)
