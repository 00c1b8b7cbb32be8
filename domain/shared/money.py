"""Money is an integer of minor units and a currency; how many decimals a currency has is in one table."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Context, Decimal

from domain.shared.checks import Path
from domain.shared.errors import Invalid

# ISO 4217, for the currencies that card shops take, and the stablecoins as these shops round them.
EXPONENTS = {
    "CNY": 2, "USD": 2, "EUR": 2, "GBP": 2, "HKD": 2, "TWD": 2, "MOP": 2, "SGD": 2, "MYR": 2, "THB": 2,
    "PHP": 2, "IDR": 2, "INR": 2, "RUB": 2, "TRY": 2, "BRL": 2, "MXN": 2, "ARS": 2, "COP": 2, "PEN": 2,
    "CAD": 2, "AUD": 2, "NZD": 2, "CHF": 2, "SEK": 2, "NOK": 2, "DKK": 2, "PLN": 2, "UAH": 2, "AED": 2,
    "SAR": 2, "ZAR": 2, "NGN": 2, "PKR": 2, "BDT": 2, "KZT": 2, "JPY": 0, "KRW": 0, "VND": 0, "CLP": 0,
    "KWD": 3, "BHD": 3, "USDT": 6, "USDC": 6,
}  # fmt: skip
MOST = 10**15
# The usual 28 digits would round a long tail of decimals away instead of refusing it.
_EXACT = Context(prec=100)


@dataclass(frozen=True, slots=True)
class Money:
    minor: int
    currency: str

    @property
    def amount(self) -> Decimal:
        return Decimal(self.minor).scaleb(-EXPONENTS[self.currency])


def money(amount: Decimal, currency: str, path: Path) -> Money:
    """Refuses unknown currencies, negative amounts, and more decimals than the currency has."""
    exponent = EXPONENTS.get(currency)
    if exponent is None:
        raise Invalid([*path, "currency"], rule="CURRENCY")
    if not amount.is_finite() or amount < 0 or amount > MOST:
        raise Invalid([*path, "amount"], rule="AMOUNT")
    minor = amount.scaleb(exponent, _EXACT)
    if minor != minor.to_integral_value() or minor > MOST:
        raise Invalid([*path, "amount"], rule="DECIMALS", most=exponent)
    return Money(int(minor), currency)
