from __future__ import annotations

from resolvers import enums as enums
