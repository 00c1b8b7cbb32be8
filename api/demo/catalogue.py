"""What the demo shop sells, and who supplies it."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from domain.orders.facts import SellerDraft

STAR = SellerDraft(external_key="seller-101", name="星河数卡")
ZHOU = SellerDraft(external_key="seller-102", name="老周点卡铺")
FRIENDS = SellerDraft(external_key="seller-103", name="卡友之家")
SUPPLIERS = ("华东卡源", "迅达数码", "北岸科技", "自营库存")


@dataclass(frozen=True, slots=True, kw_only=True)
class Ware:
    key: str
    name: str
    category: str
    price: Decimal
    warranty_hours: int | None = 72
    weight: int = 10
    is_topup: bool = False
    seller: SellerDraft | None = None


WARES = (
    Ware(key="steam-50", name="Steam 钱包充值码 50 元", category="游戏充值码", price=Decimal("49.50"), weight=24),
    Ware(key="steam-100", name="Steam 钱包充值码 100 元", category="游戏充值码", price=Decimal("98.50"), weight=30),
    Ware(key="steam-200", name="Steam 钱包充值码 200 元", category="游戏充值码", price=Decimal("196.00"), seller=STAR),
    Ware(key="psn-hk-160", name="PSN 港服点卡 160 港币", category="点卡", price=Decimal("151.00"), seller=ZHOU),
    Ware(key="eshop-jp-3000", name="eShop 日服点卡 3000 日元", category="点卡", price=Decimal("146.80"), seller=ZHOU),
    Ware(key="xbox-1m", name="Xbox 游戏通行证 1 个月激活码", category="会员", price=Decimal("52.00"), weight=14),
    Ware(
        key="star-voyage", name="《星海远征》标准版激活码", category="激活码", price=Decimal("128.00"), seller=FRIENDS
    ),
    Ware(key="lingjing-month", name="《灵境物语》月卡", category="游戏点券", price=Decimal("28.00"), weight=18),
    Ware(key="video-month", name="视频会员月卡", category="会员", price=Decimal("15.80"), warranty_hours=24, weight=26),
    Ware(
        key="music-year",
        name="音乐会员年卡",
        category="会员",
        price=Decimal("88.00"),
        warranty_hours=168,
        seller=FRIENDS,
    ),
    Ware(
        key="phone-100",
        name="话费直充 100 元",
        category="直充",
        price=Decimal("98.80"),
        warranty_hours=None,
        weight=20,
        is_topup=True,
    ),
    Ware(
        key="points-648",
        name="游戏点券直充 648",
        category="直充",
        price=Decimal("612.00"),
        warranty_hours=None,
        weight=6,
        is_topup=True,
    ),
)
