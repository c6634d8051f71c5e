"""Numbers for Prometheus: requests from this process, the rest from the database. No label holds user content."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable

import structlog
from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.exposition import generate_latest
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from guard.credentials import CredentialsError
from guard.installation import Installation
from guard.pipeline.jobs import utc_now
from guard.store import StoreError
from guard.store.totals import Totals, totals

_log = structlog.get_logger(__name__)
_FRESH_SECONDS = 5.0
"""Age of the totals: counting goes over whole tables, and anybody may ask."""
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class Metrics:
    """The metrics of one application."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._requests = Counter(
            "guard_requests", "Requests answered.", ("method", "route", "status"), registry=self._registry
        )
        self._seconds = Histogram(
            "guard_request_duration_seconds",
            "Time to answer, uploads and downloads included.",
            ("route",),
            buckets=(0.01, 0.05, 0.1, 0.5, 1, 5, 20, 60),
            registry=self._registry,
        )

    def watch(self, installation: Installation) -> None:
        """Report this installation's totals too."""
        self._registry.register(_Totals(installation))

    def observe(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count a request; `route` is the pattern, never the path."""
        known = method if method in _METHODS else "other"
        self._requests.labels(known, route, str(status)).inc()
        self._seconds.labels(route).observe(seconds)

    def text(self) -> bytes:
        """Prometheus' text format."""
        return generate_latest(self._registry)


class _Totals(Collector):
    def __init__(self, installation: Installation) -> None:
        self._installation = installation
        self._lock = threading.Lock()
        self._found: Totals | None = None
        self._counted = 0.0

    def _totals(self) -> Totals:
        with self._lock:
            if self._found is None or time.monotonic() - self._counted > _FRESH_SECONDS:
                with self._installation.services.database.read() as session:
                    self._found = totals(session)
                self._counted = time.monotonic()
            return self._found

    def describe(self) -> Iterable[Metric]:
        """Nothing beforehand, so that registering asks no database."""
        return ()

    def collect(self) -> Iterable[Metric]:
        services = self._installation.services
        try:
            found = self._totals()
        except StoreError as error:
            _log.warning("metrics_incomplete", code=error.code)
            return
        for name, help_, counted in (
            ("guard_videos", "Videos by status.", found.videos),
            ("guard_pictures", "Pictures by status.", found.pictures),
        ):
            jobs = GaugeMetricFamily(name, help_, labels=["status"])
            for status, number in counted.items():
                jobs.add_metric([status], number)
            yield jobs
        decisions = CounterMetricFamily("guard_decisions", "Policy decisions.", labels=["stage", "action"])
        for (stage, action), number in found.decisions.items():
            decisions.add_metric([stage, action], number)
        yield decisions
        reviews = GaugeMetricFamily("guard_reviews", "Reviews by state.", labels=["state"])
        for state, number in found.reviews.items():
            reviews.add_metric([state], number)
        yield reviews
        verified = CounterMetricFamily("guard_verifications", "Verifications.", labels=["verdict"])
        for verdict, number in found.verifications.items():
            verified.add_metric([verdict], number)
        yield verified
        yield CounterMetricFamily("guard_releases", "Releases made.", value=found.releases)
        yield CounterMetricFamily("guard_revocations", "Releases withdrawn.", value=found.revoked)
        yield CounterMetricFamily(
            "guard_releases_unstamped",
            "Releases signed without a time stamp since the authority could not be reached.",
            value=found.unstamped,
        )
        try:
            expires = services.key_status().expires
        except CredentialsError as error:
            _log.warning("metrics_incomplete", code=error.code)
            return
        yield GaugeMetricFamily(
            "guard_certificate_days_left",
            "Days until the signing certificate expires; below zero once it has.",
            value=(expires - utc_now()).total_seconds() / 86_400,
        )
