from __future__ import annotations

from email.message import EmailMessage
from email.utils import formatdate, parseaddr
from urllib.parse import unquote, urlsplit

import aiosmtplib

from domain.messaging.ports import Letter
from domain.shared.errors import Transient

TIMEOUT = 20.0


class SmtpSender:
    """`smtp://`: STARTTLS where the server offers it; `smtps://`: TLS from the first byte."""

    def __init__(self, url: str, *, sender: str) -> None:
        parts = urlsplit(url)
        self._is_tls = parts.scheme == "smtps"
        self._host = parts.hostname or "localhost"
        self._port = parts.port or (465 if self._is_tls else 25)
        self._user = unquote(parts.username) if parts.username else None
        self._password = unquote(parts.password) if parts.password else None
        self._sender = sender

    async def send(self, letter: Letter) -> str:
        """The Message-ID, which is the same for every try, so that receivers can drop a repeat."""
        domain = parseaddr(self._sender)[1].rpartition("@")[2] or "localhost"
        message = EmailMessage()
        message["From"] = self._sender
        message["To"] = letter.destination
        message["Subject"] = letter.subject
        message["Date"] = formatdate()
        message["Message-ID"] = f"<{letter.key}@{domain}>"
        message["Auto-Submitted"] = "auto-generated"
        message.set_content(letter.text)
        try:
            await aiosmtplib.send(
                message,
                hostname=self._host,
                port=self._port,
                username=self._user,
                password=self._password,
                use_tls=self._is_tls,
                timeout=TIMEOUT,
            )
        except aiosmtplib.SMTPRecipientsRefused as error:
            if any(400 <= recipient.code < 500 for recipient in error.recipients):
                raise Transient("SMTP recipient refused for now") from error
            raise
        except aiosmtplib.SMTPResponseException as error:
            if 400 <= error.code < 500:
                raise Transient(f"SMTP {error.code}") from error
            raise
        except (aiosmtplib.SMTPException, OSError) as error:
            raise Transient(type(error).__name__) from error
        return str(message["Message-ID"])
