"""The schema without a server around it: for counting statements, and for reading a stream step by step."""

from __future__ import annotations

from typing import Any

from api.schema import make_schema
from domain.reactions import REACTING_TYPES
from domain.shared.act import Language, NoHints, NoThrottle, Viewer
from resolvers.shared.context import Context, Services
from resolvers.shared.feed import Feed
from tests.builders.scene import Scene

SCHEMA = make_schema()


def a_context(scene: Scene, viewer: Viewer, feed: Feed | None = None) -> Context:
    services = Services(
        keyring=scene.keyring,
        hints=scene.hints or NoHints(),
        throttle=NoThrottle(),
        feed=feed,  # type: ignore[arg-type]
        reacting_types=REACTING_TYPES,
        public_url="",
    )
    return Context(viewer=viewer, language=Language.EN, services=services)


async def ask(context: Context, query: str, **variables: Any) -> dict[str, Any]:
    result = await SCHEMA.execute(query, variable_values=variables, context_value=context)
    assert result.errors is None, result.errors
    assert result.data is not None
    return result.data
