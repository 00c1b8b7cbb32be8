"""What the operators see at /metrics."""

from __future__ import annotations

from prometheus_client import Counter, Gauge, Histogram

REQUESTS = Counter("xiaoka_requests_total", "Operations served.", ["transport"])
ERRORS = Counter("xiaoka_errors_total", "Errors answered, by code.", ["code"])
SECONDS = Histogram(
    "xiaoka_request_seconds",
    "Time to answer one operation over HTTP.",
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5),
)
SOCKETS = Gauge("xiaoka_sockets", "Websockets that are open.")
SUBSCRIBERS = Gauge("xiaoka_subscribers", "Subscriptions that are followed.", ["kind"])
PUSHES = Counter("xiaoka_pushes_total", "Payloads handed to subscriptions.", ["kind"])
LAG = Histogram(
    "xiaoka_push_lag_seconds",
    "From the beginning of the writing transaction to the moment the event was handed to its subscribers.",
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30),
)
SWEEPS = Counter("xiaoka_sweep_finds_total", "Events that a sweep found before a hint did.")
HINTS_LOST = Counter("xiaoka_hints_lost_total", "Hints that could not be sent to the other processes.")
JOBS = Gauge("xiaoka_jobs", "Jobs in the table.", ["state"])
JOBS_DONE = Counter("xiaoka_jobs_done_total", "Jobs done by this process.", ["kind", "outcome"])
BUS_HEALTHY = Gauge("xiaoka_bus_healthy", "1 while hints travel between the processes.")
