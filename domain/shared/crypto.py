"""Keeping texts unreadable in the database, and cursors unreadable in the hands of clients."""

from __future__ import annotations

import hashlib
import hmac
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

import orjson
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM, AESSIV
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF


class Unreadable(ValueError):
    """The ciphertext is not ours, belongs to another place, or was changed."""


@dataclass(frozen=True)
class Keyring:
    """Master keys (32 bytes each) by id; the last one encrypts, all of them decrypt.

    Ciphertext: key id (1 byte), nonce (12 bytes), AES-256-GCM output. `place` is bound as associated data, so a value
    cannot be moved to another row. Sub-keys are derived by HKDF-SHA256 with the purpose as info.
    """

    keys: Mapping[int, bytes]
    _ciphers: dict[int, AESGCM] = field(default_factory=dict, repr=False, compare=False)

    @staticmethod
    def generated() -> Keyring:
        return Keyring({1: os.urandom(32)})

    @property
    def current(self) -> int:
        return max(self.keys)

    def derived(self, purpose: str, key_id: int | None = None, length: int = 32) -> bytes:
        """The oldest key unless named: what is looked up by value must not change when a key is added."""
        key = self.keys[min(self.keys) if key_id is None else key_id]
        return HKDF(SHA256(), length, salt=None, info=purpose.encode()).derive(key)

    def _cipher(self, key_id: int) -> AESGCM:
        if key_id not in self._ciphers:
            if key_id not in self.keys:
                raise Unreadable("unknown key")
            self._ciphers[key_id] = AESGCM(self.derived("seal", key_id))
        return self._ciphers[key_id]

    def seal(self, text: str, place: str) -> bytes:
        nonce = os.urandom(12)
        sealed = self._cipher(self.current).encrypt(nonce, text.encode(), place.encode())
        return bytes([self.current]) + nonce + sealed

    def unseal(self, sealed: bytes, place: str) -> str:
        sealed = bytes(sealed)
        if len(sealed) < 29:
            raise Unreadable("too short")
        try:
            return self._cipher(sealed[0]).decrypt(sealed[1:13], sealed[13:], place.encode()).decode()
        except InvalidTag as error:
            raise Unreadable("changed or moved") from error

    def seal_facts(self, facts: Mapping[str, object], place: str) -> bytes:
        return self.seal(orjson.dumps(facts).decode(), place)

    def unseal_facts(self, sealed: bytes, place: str) -> dict[str, object]:
        facts: dict[str, object] = orjson.loads(self.unseal(sealed, place))
        return facts

    @cached_property
    def _index_key(self) -> bytes:
        return self.derived("blind-index")

    def blind_index(self, *parts: str) -> str:
        """HMAC-SHA256, cut to 16 bytes, in hexadecimal: equal values meet, nobody without the key can try values."""
        joined = "\x1f".join(parts).encode()
        return hmac.digest(self._index_key, joined, hashlib.sha256)[:16].hex()

    @cached_property
    def _cursor_cipher(self) -> AESSIV:
        return AESSIV(self.derived("cursor", length=64))

    def seal_cursor(self, kind: str, content: bytes) -> bytes:
        """Deterministic (AES-SIV, RFC 5297): the same place always gives the same cursor."""
        return self._cursor_cipher.encrypt(content, [kind.encode()])

    def unseal_cursor(self, kind: str, sealed: bytes) -> bytes:
        try:
            return self._cursor_cipher.decrypt(sealed, [kind.encode()])
        except (InvalidTag, ValueError) as error:
            raise Unreadable("not a cursor of this kind") from error
