from __future__ import annotations

import httpx

from domain.messaging.ports import Letter
from domain.shared.errors import Transient


class HttpSmsSender:
    """Posts {to, text, key} as JSON to a gateway; `key` repeats over retries. A 2xx means that it was taken over."""

    def __init__(self, url: str, *, token: str) -> None:
        self._url = url
        self._headers = {"authorization": f"Bearer {token}"} if token else {}

    async def send(self, letter: Letter) -> str:
        content = {"to": letter.destination, "text": letter.text, "key": letter.key}
        try:
            async with httpx.AsyncClient(timeout=20) as client:
                response = await client.post(self._url, json=content, headers=self._headers)
        except httpx.HTTPError as error:
            raise Transient(type(error).__name__) from error
        if response.status_code >= 500 or response.status_code in (408, 429):
            raise Transient(f"HTTP {response.status_code}")
        response.raise_for_status()
        return ""
