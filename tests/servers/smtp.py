from __future__ import annotations

import asyncio
import email
import time
from collections import Counter
from dataclasses import dataclass
from email import policy
from email.message import EmailMessage

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from tests.servers.free_port import free_port
from tests.servers.server import Server


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceivedMail:
    sender: str
    recipients: tuple[str, ...]
    message: EmailMessage

    @property
    def subject(self) -> str:
        return str(self.message["Subject"])

    @property
    def text(self) -> str:
        body = self.message.get_body(preferencelist=("plain", "html"))
        return str(body.get_content()) if body else ""


class SmtpServer(Server):
    """Lives in a thread of ours; what it has received stays readable after a stop."""

    def __init__(self) -> None:
        self.port = free_port()
        self.messages: list[ReceivedMail] = []
        self._taken: Counter[str] = Counter()
        self._controller: Controller | None = None

    @property
    def url(self) -> str:
        return f"smtp://127.0.0.1:{self.port}"

    async def start(self) -> None:
        assert self._controller is None, "already running"
        self._controller = Controller(_Mailbox(self.messages), hostname="127.0.0.1", port=self.port)
        await asyncio.to_thread(self._controller.start)

    async def stop(self) -> None:
        controller, self._controller = self._controller, None
        if controller:
            await asyncio.to_thread(controller.stop)

    async def kill(self) -> None:
        # A thread cannot be killed; stopping the controller cuts its connections in mid-sentence as well.
        await self.stop()

    async def wait_for_message(self, to: str, timeout: float = 5.0) -> ReceivedMail:
        """The next mail to this address, each of them once, in the order they came."""
        deadline = time.monotonic() + timeout
        while True:
            theirs = [mail for mail in self.messages if to in mail.recipients]
            if len(theirs) > self._taken[to]:
                self._taken[to] += 1
                return theirs[self._taken[to] - 1]
            if time.monotonic() > deadline:
                raise TimeoutError(f"no further mail to {to} among {len(self.messages)} received")
            await asyncio.sleep(0.01)


class _Mailbox:
    def __init__(self, messages: list[ReceivedMail]) -> None:
        self._messages = messages

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802 (aiosmtpd looks for this name)
        content = envelope.content
        self._messages.append(
            ReceivedMail(
                sender=envelope.mail_from or "",
                recipients=tuple(envelope.rcpt_tos),
                message=email.message_from_bytes(
                    content.encode() if isinstance(content, str) else content or b"", policy=policy.default
                ),
            )
        )
        return "250 taken"
