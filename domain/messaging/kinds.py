from __future__ import annotations

from domain.shared.described import Described


class Channel(Described):
    EMAIL = "EMAIL", "E-mail."
    SMS = "SMS", "A text message."
    INBOX = "INBOX", "The in-site inbox, pushed live."


class OutgoingStatus(Described):
    QUEUED = "QUEUED", "Waiting to be sent, or to be tried again."
    SENT = "SENT", "Taken over by the provider."
    FAILED = "FAILED", "Given up after the last try."
