from __future__ import annotations

from pathlib import Path

from api.ingest import signature

PAGE = Path(__file__).parents[2] / "docs" / "webhook.md"


def test_the_vector_in_the_documentation_is_what_the_server_expects() -> None:
    made = signature("whsec-test", "1795363200", b'{"orders":[]}')
    assert f"    {made}\n" in PAGE.read_text(encoding="utf-8")
