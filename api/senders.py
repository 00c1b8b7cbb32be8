"""Which provider carries which channel, from the settings."""

from __future__ import annotations

from collections.abc import Mapping

from api.adapters.console import ConsoleSender
from api.adapters.sms import HttpSmsSender
from api.adapters.smtp import SmtpSender
from api.settings import Settings
from domain.messaging.kinds import Channel
from domain.messaging.ports import Sender


def senders(settings: Settings) -> Mapping[Channel, Sender]:
    return {
        Channel.EMAIL: SmtpSender(settings.smtp_url, sender=settings.mail_from)
        if settings.smtp_url
        else ConsoleSender("mail"),
        Channel.SMS: HttpSmsSender(settings.sms_url, token=settings.sms_token)
        if settings.sms_url
        else ConsoleSender("sms"),
    }
