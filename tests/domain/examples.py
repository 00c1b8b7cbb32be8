"""How many examples a property is tried with."""

from __future__ import annotations

from hypothesis import HealthCheck, Phase, settings


def examples(most: int) -> settings:
    """The database is shared by the examples of one test, so each example makes rows of its own."""
    return settings(
        phases=[Phase.explicit, Phase.generate],
        max_examples=most,
        deadline=None,
        database=None,
        suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    )
