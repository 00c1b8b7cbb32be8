"""Texts that are sealed, money, moments, ids and masks."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.identity.rules import masked, masked_nobody, normal_email, normal_phone
from domain.shared.act import ContactKind
from domain.shared.clock import now_micros, uuid7
from domain.shared.crypto import Keyring, Unreadable
from domain.shared.errors import BadInput, Invalid, TooLong
from domain.shared.log_cursors import UNUSABLE, encode_place, read_place
from domain.shared.money import EXPONENTS, MOST, Money, money
from domain.shared.paging import decode_bytes, encode_bytes
from resolvers.shared.scalars import SCALARS, Instant

KEYS = Keyring.generated()
texts = st.text(st.characters(codec="utf-8"), max_size=60)


# Sealing


@given(text=texts, place=texts)
def test_what_is_sealed_is_read_in_its_own_place(text: str, place: str) -> None:
    assert KEYS.unseal(KEYS.seal(text, place), place) == text


@given(text=texts, place=texts, other=texts)
def test_what_is_sealed_is_unreadable_in_another_place_or_with_another_key(text: str, place: str, other: str) -> None:
    sealed = KEYS.seal(text, place)
    if other != place:
        with pytest.raises(Unreadable):
            KEYS.unseal(sealed, other)
    for stranger in (Keyring.generated(), Keyring({2: KEYS.keys[1]})):
        with pytest.raises(Unreadable):
            stranger.unseal(sealed, place)


@given(text=texts, where=st.integers(0, 10_000), bit=st.integers(0, 7))
def test_a_changed_bit_or_a_missing_byte_makes_it_unreadable(text: str, where: int, bit: int) -> None:
    sealed = bytearray(KEYS.seal(text, "here"))
    where %= len(sealed)
    sealed[where] ^= 1 << bit
    for changed in (bytes(sealed), bytes(sealed[:where])):
        with pytest.raises(Unreadable):
            KEYS.unseal(changed, "here")


def test_the_same_text_never_looks_the_same_twice() -> None:
    assert KEYS.seal("secret", "p") != KEYS.seal("secret", "p")


def test_a_new_key_seals_from_now_on_and_the_old_one_still_opens() -> None:
    both = Keyring({**KEYS.keys, 2: Keyring.generated().keys[1]})
    assert both.unseal(KEYS.seal("old", "p"), "p") == "old"
    assert both.seal("new", "p")[0] == 2
    assert both.blind_index("contact", "a") == KEYS.blind_index("contact", "a")


@given(one=st.lists(texts, min_size=1, max_size=3), other=st.lists(texts, min_size=1, max_size=3))
def test_blind_indexes_are_equal_for_equal_parts_only(one: list[str], other: list[str]) -> None:
    if "\x1f" in "".join(one + other):
        return
    assert (KEYS.blind_index(*one) == KEYS.blind_index(*other)) == (one == other)
    assert KEYS.blind_index(*one) != Keyring.generated().blind_index(*one)


@given(raw=st.binary(max_size=40))
def test_bytes_survive_the_way_through_a_cursors_text(raw: bytes) -> None:
    assert decode_bytes(encode_bytes(raw)) == raw


@given(seq=st.integers(0, 2**62))
def test_a_log_cursor_is_of_its_log_alone_and_tells_strangers_nothing(seq: int) -> None:
    subject, other = uuid7(), uuid7()
    cursor = encode_place(KEYS, subject, seq)
    assert read_place(KEYS, subject, cursor) == seq
    assert read_place(KEYS, other, cursor) == UNUSABLE
    for bad in (cursor[:-2], cursor + "AA", "", "ü", encode_place(Keyring.generated(), subject, seq)):
        with pytest.raises(BadInput):
            read_place(KEYS, subject, bad)


# Money

currencies = st.sampled_from(sorted(EXPONENTS))


@given(minor=st.integers(0, MOST), currency=currencies)
def test_money_survives_the_way_out_and_in(minor: int, currency: str) -> None:
    amount = Money(minor, currency).amount
    assert money(amount, currency, []) == Money(minor, currency)
    assert "E" not in str(amount)


@given(minor=st.integers(0, 10**10), currency=currencies, beyond=st.integers(1, 20))
def test_more_decimals_than_the_currency_has_are_refused_however_small(minor: int, currency: str, beyond: int) -> None:
    whole, exponent = Money(minor, currency).amount, EXPONENTS[currency]
    amount = Decimal(f"{whole:f}{'' if exponent else '.'}{'0' * (beyond - 1)}1")
    with pytest.raises(Invalid) as refused:
        money(amount, currency, ["total"])
    assert refused.value.path == ["total", "amount"]


@pytest.mark.parametrize("amount", ["NaN", "sNaN", "Infinity", "-Infinity", "-0.01", "1E+16", "1e-7"])
def test_an_amount_that_is_none_is_refused(amount: str) -> None:
    with pytest.raises(Invalid):
        money(Decimal(amount), "CNY", [])


@pytest.mark.parametrize("currency", ["", "cny", "XXX", "CN", "¥"])
def test_an_unknown_currency_is_refused(currency: str) -> None:
    with pytest.raises(Invalid) as refused:
        money(Decimal(1), currency, ["p"])
    assert refused.value.path == ["p", "currency"]


# Scalars


def read(kind: object, value: object) -> Any:
    parse = SCALARS[kind].parse_value
    assert parse is not None
    return parse(value)


def write(value: int) -> Any:
    serialize = SCALARS[Instant].serialize
    assert serialize is not None
    return serialize(value)


@given(micros=st.integers(0, 7 * 10**15))
def test_a_moment_survives_the_way_out_and_in(micros: int) -> None:
    assert read(Instant, write(micros)) == micros


@pytest.mark.parametrize(
    ("text", "micros"),
    [
        ("1970-01-01T00:00:00Z", 0),
        ("1970-01-01T08:00:00+08:00", 0),
        ("2000-02-29T12:00:00.5Z", 951_825_600_500_000),
        ("2026-11-22T08:30:00.123456-05:30", 1_795_356_000_123_456),
    ],
)
def test_a_moment_is_read_with_its_offset(text: str, micros: int) -> None:
    assert read(Instant, text) == micros


@pytest.mark.parametrize(
    "value",
    [
        "2026-11-22T08:30:00",
        "2026-11-22",
        "2026-11-22 08:30:00Z",
        "2026-02-30T00:00:00Z",
        "2026-11-22T24:00:00Z",
        "2026-11-22T23:59:60Z",
        "2026-11-22T08:30:00.1234567Z",
        "2026-11-22T08:30:00+25:00",
        "1969-12-31T23:59:59Z",
        "2201-01-01T00:00:00Z",
        "2026-11-22T08:30:00Z ",
        "",
        1_795_000_000,
        None,
        True,
    ],
)
def test_what_is_no_moment_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match=r"moment|RFC"):
        read(Instant, value)


@pytest.mark.parametrize("value", ["9.90", "0", "-3.5", "00.10", 7])
def test_a_decimal_is_read_from_text_or_a_whole_number(value: str | int) -> None:
    assert read(Decimal, value) == Decimal(value)


@pytest.mark.parametrize(
    "value", ["NaN", "Infinity", "1e3", "1E-2", "+1", ".5", "5.", " 1", "1_000", "1,5", "", "9" * 21, 1.5, True, None]
)
def test_what_is_no_plain_decimal_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match="decimal"):
        read(Decimal, value)


# Ids


def test_ids_sort_as_they_were_made() -> None:
    made = [uuid7() for _ in range(5000)]
    assert made == sorted(made)
    assert len(set(made)) == len(made)


@given(at=st.integers(0, 2**48 * 1000 - 1), later=st.integers(1, 10**9))
def test_an_id_of_a_moment_bears_it_and_sorts_by_it(at: int, later: int) -> None:
    made = uuid7(at)
    assert (made.version, made.variant) == (7, "specified in RFC 4122")
    assert made.int >> 80 == at // 1000
    if (at + later * 1000) // 1000 < 2**48:
        assert made < uuid7(at + later * 1000)


def test_an_id_made_now_bears_the_present_moment() -> None:
    before = now_micros() // 1000
    assert uuid7().int >> 80 >= before


# Contacts and masks


@pytest.mark.parametrize(
    ("text", "normal"),
    [(" Li@QQ.com ", "li@qq.com"), ("a+b@example.com", "a+b@example.com"), ("小李@例子.中国", "小李@例子.中国")],
)
def test_an_address_has_one_normal_form(text: str, normal: str) -> None:
    assert normal_email(text, []) == normal
    assert normal_email(normal, []) == normal


@pytest.mark.parametrize("text", ["", "a", "a@", "@b.com", "a b@c.com", "a@b..com", "a@b@c.com", "a@localhost\n"])
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(Invalid):
        normal_email(text, ["email"])


def test_an_endless_contact_is_refused_before_it_is_read() -> None:
    for read_contact in (normal_email, normal_phone):
        with pytest.raises(TooLong):
            read_contact("1" * 100_000, ["contact"])


@pytest.mark.parametrize("text", ["13800138000", "+86 138 0013 8000", "0086 13800138000", "138-0013-8000"])
def test_a_number_has_one_normal_form(text: str) -> None:
    assert normal_phone(text, []) == "+8613800138000"


@pytest.mark.parametrize("text", ["", "12", "call me", "+", "1" * 30])
def test_what_is_no_number_is_refused(text: str) -> None:
    with pytest.raises(Invalid):
        normal_phone(text, [])


def test_a_mask_shows_enough_to_recognise_and_too_little_to_use() -> None:
    assert masked(ContactKind.EMAIL, "zhang.san@qq.com") == "z***@qq.com"
    assert masked(ContactKind.EMAIL, "z@qq.com") == "z***@qq.com"
    assert masked(ContactKind.PHONE, "+8613800138000") == "****8000"


@given(seed=st.binary(min_size=16, max_size=16), kind=st.sampled_from(list(ContactKind)))
def test_the_mask_of_nobody_looks_like_one_and_is_always_the_same(seed: bytes, kind: ContactKind) -> None:
    shown = masked_nobody(kind, seed)
    assert shown == masked_nobody(kind, seed)
    real = "q@qq.com" if kind is ContactKind.EMAIL else "+86" + shown[-4:]
    if kind is ContactKind.EMAIL:
        assert masked(kind, shown[0] + real[1:].replace("qq.com", shown.split("@")[1])) == shown
    else:
        assert masked(kind, real) == shown
