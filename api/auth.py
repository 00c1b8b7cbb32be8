"""Who is calling: the Authorization text and the shop's name become a Viewer."""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID

from domain.identity.keys import PREFIX, read_api_key
from domain.identity.queries import only_shop, shop_by_id, shop_by_slug
from domain.identity.sessions import read_token, session_is_live
from domain.shared.act import Language, Role, Viewer
from domain.shared.clock import SECOND, now_micros
from domain.shared.crypto import Keyring
from domain.shared.errors import RequestError, Unauthenticated

BELIEVED_FOR = 5 * SECOND
MOST_REMEMBERED = 20_000


class UnknownShop(RequestError):
    code = "BAD_REQUEST"


class Authenticator:
    """Remembers for five seconds that a session is live, so that a busy client does not cost a statement a call."""

    def __init__(self, keyring: Keyring) -> None:
        self._keyring = keyring
        self._live_until: dict[UUID, int] = {}

    async def viewer(self, *, authorization: str | None, shop: str | None, address: str) -> Viewer:
        if authorization is None or not authorization.strip():
            return await self._guest(shop, address)
        scheme, _, credential = authorization.strip().partition(" ")
        if scheme.lower() != "bearer" or not credential or len(credential) > 4096:
            raise Unauthenticated("Send `Authorization: Bearer` with a token or an API key.")
        viewer = await self._recognised(credential.strip())
        if viewer is None:
            raise Unauthenticated("This token or key is not valid, or not any more.")
        if shop is not None:
            await self._require_same_shop(shop, viewer)
        return replace(viewer, address=address)

    async def _recognised(self, credential: str) -> Viewer | None:
        if credential.startswith(PREFIX + "_"):
            return await read_api_key(credential, now=now_micros())
        viewer = read_token(self._keyring, credential)
        if viewer is None or viewer.session_id is None:
            return None
        return viewer if await self._is_live(viewer.session_id) else None

    async def _is_live(self, session_id: UUID) -> bool:
        now = now_micros()
        if self._live_until.get(session_id, 0) > now:
            return True
        if not await session_is_live(session_id, now=now):
            self._live_until.pop(session_id, None)
            return False
        if len(self._live_until) >= MOST_REMEMBERED:
            self._live_until.clear()
        self._live_until[session_id] = now + BELIEVED_FOR
        return True

    async def _require_same_shop(self, slug: str, viewer: Viewer) -> None:
        named = await shop_by_slug(slug)
        if named is None or named["id"] != viewer.shop_id:
            raise UnknownShop("The token belongs to another shop than the one named.")

    async def _guest(self, slug: str | None, address: str) -> Viewer:
        shop = await (only_shop() if slug is None else shop_by_slug(slug))
        if shop is None:
            raise UnknownShop(
                "There is no such shop." if slug else "Name the shop: X-Shop, or `shop` in connection_init."
            )
        return Viewer(role=Role.GUEST, shop_id=shop["id"], address=address)


async def preferred_language(header: str | None, shop_id: UUID) -> Language:
    """The first language of Accept-Language that texts exist in; else the shop's."""
    for part in _by_quality(header or ""):
        code = part.split("-")[0].upper()
        if code in Language.__members__:
            return Language[code]
    shop = await shop_by_id(shop_id)
    return Language(shop["language"]) if shop else Language.ZH


def _by_quality(header: str) -> list[str]:
    weighed: list[tuple[float, int, str]] = []
    for part in header[:200].split(","):
        name, _, quality = part.strip().partition(";")
        try:
            weight = float(quality.strip().removeprefix("q=")) if quality else 1.0
        except ValueError:
            weight = 0.0
        weighed.append((-weight, len(weighed), name.strip()))
    return [name for weight, _, name in sorted(weighed) if name and weight < 0]
