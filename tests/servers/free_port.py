from __future__ import annotations

import random
import socket

# Below the range from which the kernel picks ports for outgoing connections: a client that keeps knocking at
# a stopped server could otherwise be given that very port as its own, and the restart would find it taken.
PORTS = range(20_000, 32_000)

# Each port we gave out is held by its UDP twin until this process ends, so a second test run never gets it,
# not even while our server is down between stop and start.
_claims: list[int] = []


def free_port() -> int:
    for port in random.sample(PORTS, k=len(PORTS)):
        if _claim(port):
            return port
    raise RuntimeError(f"no free port in {PORTS}")


def _claim(port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as twin, socket.socket() as probe:
        try:
            twin.bind(("127.0.0.1", port))
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        _claims.append(twin.detach())
    return True
