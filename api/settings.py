"""What can be set from outside, read once. Nothing else in the project reads the environment."""

from __future__ import annotations

import base64
import os
import secrets
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import Any

from pydantic import Field, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from domain.shared.crypto import Keyring
from domain.shared.database import tortoise_config


class Settings(BaseSettings):
    model_config = SettingsConfigDict(env_prefix="XIAOKA_", frozen=True, extra="ignore")

    data_dir: Path = Field(default=Path("var"), description="Where the embedded database, the key and files live.")
    database_url: str = Field(
        default="", description="`sqlite://path` or `postgres://…`; empty: SQLite in the data folder."
    )
    database_pool: int = Field(default=20, ge=4, le=200, description="PostgreSQL connections of one process.")
    broadcast_url: str = Field(default="memory://", description="`memory://` or `redis://…`.")
    broadcast_prefix: str = Field(default="xiaoka", description="Keeps installations apart that share one Redis.")
    keys: str = Field(
        default="", description="Master keys as `id:base64`, comma separated; empty: a key file in the data folder."
    )
    public_url: str = Field(default="", description="Address of the shop's ticket page, for links in messages.")
    allowed_origins: str = Field(
        default="", description="Other origins whose pages may open websockets, comma separated."
    )
    proxy_headers: bool = Field(default=False, description="Believe X-Forwarded-For; only behind a proxy that sets it.")
    demo: bool = Field(default=False, description="Codes also go to the demo's inbox page.")
    smtp_url: str = Field(default="", description="`smtp://user:password@host:port`; empty: mails are printed.")
    mail_from: str = Field(default="Xiaoka <no-reply@localhost.localdomain>", description="Sender of e-mails.")
    sms_url: str = Field(default="", description="An HTTP gateway that takes JSON {to, text, key}; empty: printed.")
    sms_token: str = Field(default="", description="Bearer token for the SMS gateway.")
    worker: bool = Field(default=True, description="Do jobs inside the server process.")
    log_json: bool = Field(default=False, description="Log lines as JSON.")
    introspection: bool = Field(default=True, description="Answer questions about the schema, and show GraphiQL.")

    @field_validator("database_url")
    @classmethod
    def _known_database(cls, url: str) -> str:
        if url and not url.startswith(("sqlite://", "postgres://")):
            raise ValueError("use sqlite:// or postgres://")
        return url

    @field_validator("broadcast_url")
    @classmethod
    def _known_bus(cls, url: str) -> str:
        if not url.startswith(("memory://", "redis://", "rediss://")):
            raise ValueError("use memory:// or redis://")
        return url

    @property
    def database(self) -> str:
        return self.database_url or f"sqlite://{self.data_dir / 'xiaoka.sqlite3'}"

    @property
    def is_sqlite(self) -> bool:
        return self.database.startswith("sqlite://")

    @property
    def has_redis(self) -> bool:
        return not self.broadcast_url.startswith("memory://")

    @property
    def origins(self) -> list[str]:
        return [origin.strip() for origin in self.allowed_origins.split(",") if origin.strip()]

    @cached_property
    def keyring(self) -> Keyring:
        return _keys_of(self.keys) if self.keys else _key_file(self.data_dir / "master.key")


def _keys_of(text: str) -> Keyring:
    keys = {}
    for part in text.split(","):
        key_id, _, encoded = part.strip().partition(":")
        keys[int(key_id)] = base64.b64decode(encoded, validate=True)
    if any(len(key) != 32 for key in keys.values()):
        raise ValueError("a master key has 32 bytes")
    return Keyring(keys)


def _key_file(path: Path) -> Keyring:
    """Made at the first start, readable by the owner only. Losing it loses every contact, message and card secret."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists():
        draft = path.with_suffix(f".{os.getpid()}")
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write("1:" + base64.b64encode(secrets.token_bytes(32)).decode())
        with suppress(FileExistsError):
            os.link(draft, path)  # whole or not at all, also when two processes start at once
        draft.unlink()
    return _keys_of(path.read_text().strip())


def __getattr__(name: str) -> Any:
    """`TORTOISE_ORM`, for Tortoise's own command line."""
    if name == "TORTOISE_ORM":
        return tortoise_config(Settings().database)
    raise AttributeError(name)
