from __future__ import annotations

from tests.domain.migrated import originals, stack

__all__ = ["originals", "stack"]
