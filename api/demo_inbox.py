"""What the demo shop has sent, on a page: whoever tries the service has no mail server, but wants the code.

Only the demo's own shop is shown, so that no code of another shop on the same server gets here.
"""

from __future__ import annotations

import base64
import hashlib
from datetime import UTC, datetime
from html import escape

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import BaseRoute, Route

from api.demo import SLUG
from domain.identity.queries import shop_by_slug
from domain.messaging.queries import SentLetter, latest_letters
from domain.shared.clock import SECOND
from domain.shared.crypto import Keyring

PATH = "/demo/inbox"
SHOWN = 50
STYLE = (
    "body{font:16px/1.5 system-ui,sans-serif;max-width:46rem;margin:2rem auto;padding:0 1rem}"
    "article{border-top:1px solid #ccc;padding:.75rem 0}p{margin:.25rem 0}small{color:#666}"
)
_STYLE_HASH = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
HEADERS = {
    "cache-control": "no-store",
    "content-security-policy": f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; frame-ancestors 'none'",
}
PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="refresh" content="3">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Demo inbox</title>
<style>{style}</style>
</head>
<body>
<h1>Demo inbox</h1>
<p>The latest {shown} texts that the demo shop has sent, newest first. The page refreshes by itself.</p>
{letters}
</body>
</html>
"""
LETTER = """<article>
<small><time>{at}</time> · {channel} · {destination}</small>
<p><strong>{subject}</strong></p>
<p>{text}</p>
</article>"""


def demo_routes(keyring: Keyring) -> list[BaseRoute]:
    async def show(_request: Request) -> Response:
        shop = await shop_by_slug(SLUG)
        letters = await latest_letters(keyring, shop_id=shop["id"], limit=SHOWN) if shop else []
        return HTMLResponse(_page(letters), headers=HEADERS)

    return [Route(PATH, show)]


def _page(letters: list[SentLetter]) -> str:
    shown = "\n".join(map(_article, letters)) or "<p>Nothing yet.</p>"
    return PAGE.format(style=STYLE, shown=SHOWN, letters=shown)


def _article(letter: SentLetter) -> str:
    at = datetime.fromtimestamp(letter.created_at / SECOND, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    return LETTER.format(
        at=at,
        channel=escape(letter.channel),
        destination=escape(letter.letter.destination),
        subject=escape(letter.letter.subject),
        text=escape(letter.letter.text),
    )
