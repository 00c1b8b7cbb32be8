"""What counts as a contact, how it is shown to strangers, and how long proofs last."""

from __future__ import annotations

import phonenumbers
from email_validator import EmailNotValidError, validate_email

from domain.shared.act import ContactKind
from domain.shared.checks import Path
from domain.shared.clock import DAY, HOUR, MINUTE
from domain.shared.errors import Invalid, TooLong

CODE_LIFETIME = 10 * MINUTE
CODE_TRIES = 5
ACCESS_LIFETIME = 15 * MINUTE
BUYER_SESSION = 30 * DAY
STAFF_SESSION = 12 * HOUR
SCOPES = frozenset({"orders:write", "orders:read", "tickets:read"})
LONGEST_CONTACT = 254
DEFAULT_REGION = "CN"


def normal_email(text: str, path: Path) -> str:
    if len(text) > LONGEST_CONTACT:
        raise TooLong(path, most=LONGEST_CONTACT)
    try:
        # Test domains are refused by the library's default; shops behind a test system use them.
        found = validate_email(text.strip(), check_deliverability=False, test_environment=True)
    except EmailNotValidError as error:
        raise Invalid(path, rule="EMAIL") from error
    return found.normalized.lower()


def normal_phone(text: str, path: Path) -> str:
    """E.164; a number without a country code is read as Chinese."""
    if len(text) > LONGEST_CONTACT:
        raise TooLong(path, most=LONGEST_CONTACT)
    try:
        number = phonenumbers.parse(text, DEFAULT_REGION)
    except phonenumbers.NumberParseException as error:
        raise Invalid(path, rule="PHONE") from error
    if not phonenumbers.is_possible_number(number):
        raise Invalid(path, rule="PHONE")
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def normal_contact(kind: ContactKind, text: str, path: Path) -> str:
    return normal_email(text, path) if kind is ContactKind.EMAIL else normal_phone(text, path)


def masked(kind: ContactKind, normal: str) -> str:
    """`z***@qq.com`, `****1234`: enough to recognise one's own, too little to use."""
    if kind is ContactKind.PHONE:
        return "****" + normal[-4:]
    name, domain = normal.rsplit("@", 1)
    return f"{name[:1]}***@{domain}"


FAKE_DOMAINS = ("qq.com", "qq.com", "163.com", "gmail.com", "126.com", "outlook.com")


def masked_nobody(kind: ContactKind, seed: bytes) -> str:
    """What a mask looks like for something that does not exist: always the same for the same question."""
    if kind is ContactKind.PHONE:
        return f"****{int.from_bytes(seed[:4], 'big') % 10_000:04d}"
    return f"{chr(97 + seed[0] % 26)}***@{FAKE_DOMAINS[seed[1] % len(FAKE_DOMAINS)]}"
