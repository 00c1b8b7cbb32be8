"""Tortoise's asyncpg client, with transactions that give the connection back when BEGIN itself fails.

After a restart of PostgreSQL the first BEGIN on a pooled connection may fail; the stock context then leaks it,
and a pool of five is gone after five such failures.
"""

from __future__ import annotations

from typing import Any

from tortoise.backends.asyncpg.client import AsyncpgDBClient, TransactionWrapper
from tortoise.backends.base.client import (
    TransactionalDBClient,
    TransactionContext,
    TransactionContextPooled,
)
from tortoise.connection import get_connections


class ReleasingContext(TransactionContextPooled):
    async def __aenter__(self) -> TransactionalDBClient:
        await self.ensure_connection()
        pool = self.client._parent._pool
        connection = await pool.acquire()
        try:
            self.client._connection = connection
            await self.client.begin()
        except BaseException:
            await pool.release(connection)
            raise
        self.token = get_connections().set(self.connection_name, self.client)
        return self.client


class ReleasingAsyncpgClient(AsyncpgDBClient):
    def _in_transaction(self) -> TransactionContext:
        return ReleasingContext(TransactionWrapper(self), self._pool_init_lock)


def get_client_class(_config: dict[str, Any]) -> type[AsyncpgDBClient]:
    return ReleasingAsyncpgClient
