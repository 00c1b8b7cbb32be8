from __future__ import annotations

from dataclasses import dataclass

from domain.shared.act import ContactKind
from domain.shared.described import Described


class Presence(Described):
    ONLINE = "ONLINE", "At work: takes new tickets up to the capacity."
    AWAY = "AWAY", "Works on what was taken, takes nothing new."
    OFFLINE = "OFFLINE", "Not at work."


class Lane(Described):
    STANDARD = "STANDARD", "The lane of every buyer."
    VIP = "VIP", "The lane of buyers whom the shop serves first, within a stated bound."


@dataclass(frozen=True, slots=True)
class ContactText:
    """A contact in its normal form."""

    kind: ContactKind
    normal: str
