from __future__ import annotations
from benchmarks.stack import Stack
async def measure_pushes(stack: Stack, *, watchers: int, seconds: float) -> str:
    return ""
