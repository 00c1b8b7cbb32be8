"""What buyers and agents say to each other in the demo shop."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto

from domain.orders.facts import OrderDraft
from domain.orders.kinds import DeliveryStatus, PaymentStatus
from domain.shared.act import Language
from domain.tickets.kinds import TicketCategory as Category

Fits = Callable[[OrderDraft], bool]


class Speaker(Enum):
    BUYER = auto()
    AGENT = auto()
    NOTE = auto()
    """An agent, to the colleagues."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """`question` is what an agent asks when the buyer is to answer, `turns` what is said in between otherwise."""

    category: Category
    opening: tuple[str, ...]
    question: str
    turns: tuple[tuple[Speaker, str], ...]
    resolution: str
    thanks: str = "处理很快，谢谢！"
    again: str = "还是不行，麻烦再看一下。"
    fits: Fits
    language: Language = Language.ZH


def _is_delivered(order: OrderDraft) -> bool:
    return order.delivery_status is DeliveryStatus.DELIVERED and bool(order.cards)


def _is_late(order: OrderDraft) -> bool:
    late = {DeliveryStatus.QUEUED, DeliveryStatus.FAILED, DeliveryStatus.PARTIAL}
    return order.payment_status is PaymentStatus.PAID and order.delivery_status in late


def _is_unpaid(order: OrderDraft) -> bool:
    return order.payment_status in {PaymentStatus.PENDING, PaymentStatus.EXPIRED, PaymentStatus.FAILED}


def _is_topup(order: OrderDraft) -> bool:
    return order.product.category == "直充" and order.payment_status is PaymentStatus.PAID


def _is_consigned(order: OrderDraft) -> bool:
    return order.seller is not None and _is_delivered(order)


B, A, N = Speaker.BUYER, Speaker.AGENT, Speaker.NOTE

CHINESE = (
    Story(
        category=Category.NOT_RECEIVED,
        opening=("付款成功了，等了半个小时还没收到卡密。", "钱已经扣了，邮箱里没有卡密，垃圾箱也看过了。"),
        question="请问您下单时填的邮箱是否正确？方便的话发一下支付截图里的流水号。",
        turns=(
            (A, "您好，已看到您的订单，支付是成功的，我马上查发货记录。"),
            (N, "发货接口超时，库存正常，已触发补发。"),
            (B, "好的，麻烦快一点，等着用。"),
        ),
        resolution="卡密已重新发送到您的下单邮箱，请查收。给您带来不便非常抱歉。",
        fits=_is_late,
    ),
    Story(
        category=Category.INVALID_CARD,
        opening=("卡密兑换时提示无效，试了三次都不行。", "输入卡密后显示“代码不存在”，请帮忙核实。"),
        question="请提供兑换页面的报错截图，并确认账号地区是否为国区。",
        turns=(
            (A, "收到，我先和供应商核对这一批次的卡密。"),
            (N, "同批次今天第三例，已联系供应商核对。"),
            (B, "账号是国区的，之前兑换都正常。"),
            (A, "供应商确认该卡密未激活，正在为您更换。"),
        ),
        resolution="已为您更换一张新卡密，旧卡密作废。质保期从今天重新计算。",
        fits=_is_delivered,
    ),
    Story(
        category=Category.ALREADY_REDEEMED,
        opening=("提示卡密已经被使用过，可是我刚刚才收到！", "刚打开邮件就显示已兑换，我没有用过。"),
        question="请问兑换时登录的是哪个地区的账号？请发一下提示“已兑换”的完整截图。",
        turns=(
            (A, "您好，我们会向供应商查询该卡密的兑换时间。"),
            (N, "供应商反馈兑换时间早于发货时间，可以换卡。"),
            (B, "好的，等你们结果。"),
        ),
        resolution="核实该卡密在发货前已被兑换，责任在供应商，已补发新卡密，请查收。",
        thanks="问题解决了，客服态度很好。",
        fits=_is_delivered,
    ),
    Story(
        category=Category.HOW_TO_USE,
        opening=("第一次买，不知道卡密在哪里兑换。", "请问这个激活码怎么用？手机上可以吗？"),
        question="请问您用的是电脑还是手机？我把对应的步骤发给您。",
        turns=(
            (A, "登录账号后，在“账户 - 兑换礼品卡”里输入卡密即可，区分大小写。"),
            (B, "找到了，我试试。"),
        ),
        resolution="兑换入口在账户设置里，图文步骤已发给您，后续有问题随时联系。",
        thanks="说得很清楚，一次就成功了。",
        fits=_is_delivered,
    ),
    Story(
        category=Category.TOPUP_DELAYED,
        opening=("话费充值一个小时了还没到账。", "点券直充显示成功，但是游戏里没有到。"),
        question="请核对充值账号是否正确，并告知当前余额截图。",
        turns=(
            (A, "您好，运营商通道目前有延迟，我帮您催一下。"),
            (N, "通道商回复排队中，预计两小时内到账。"),
            (B, "那我再等等。"),
        ),
        resolution="充值已到账，请刷新余额查看。如未到账请直接回复本工单。",
        fits=_is_topup,
    ),
    Story(
        category=Category.PAYMENT_ISSUE,
        opening=("银行卡扣款了，订单还显示未支付。", "付款时页面卡住了，不知道有没有付成功。"),
        question="请提供支付平台账单里的商户单号，我们据此核对。",
        turns=(
            (A, "您好，正在向支付平台核对这笔流水。"),
            (B, "账单里显示支付成功的，金额也对得上。"),
            (N, "支付平台回调失败，财务已补单。"),
        ),
        resolution="已查到您的付款，订单状态已补正，卡密会在五分钟内发出。",
        fits=_is_unpaid,
    ),
    Story(
        category=Category.WRONG_PURCHASE,
        opening=("买错面值了，想换成 200 元的，卡密还没有用。", "我要的是港服，下单时没看清买成国区了。"),
        question="请问卡密是否已经查看或兑换过？未使用的可以为您换货。",
        turns=(
            (A, "您好，未兑换的卡密可以换货，需要补差价。"),
            (B, "可以，差价怎么付？"),
            (A, "补差链接已发到您的邮箱，付款后自动发新卡。"),
        ),
        resolution="差价已收到，新卡密已发送，原卡密已回收。",
        fits=_is_delivered,
    ),
    Story(
        category=Category.REFUND_REQUEST,
        opening=("一直不发货，我要退款。", "不想要了，卡密没有用过，申请退款。"),
        question="请问希望原路退回，还是退到店铺余额？余额可立即到账。",
        turns=(
            (A, "您好，订单符合退款条件，正在为您提交申请。"),
            (N, "未发货，同意退款，转财务。"),
            (B, "大概多久能到账？"),
            (A, "原路退回一般一到三个工作日。"),
        ),
        resolution="退款已原路退回，一到三个工作日到账，请留意账单。",
        fits=_is_late,
    ),
    Story(
        category=Category.COMPLAINT,
        opening=("同一家店连续两次发来无效卡，要求给个说法！", "客服半天不回消息，我要投诉。"),
        question="非常抱歉，请告诉我您期望的处理方式，我来跟进。",
        turns=(
            (A, "非常抱歉给您带来不好的体验，我是主管，由我来处理。"),
            (N, "核实属实，给予补偿券并换卡。"),
            (B, "希望以后不要再出现这种情况。"),
        ),
        resolution="已为您换卡并补偿一张 10 元券，相关供应商已暂停上架。",
        thanks="处理结果可以接受。",
        fits=_is_delivered,
    ),
    Story(
        category=Category.SETTLEMENT_DELAY,
        opening=("寄售的货款应该昨天结算，到现在没有到账。", "我是寄售商家，本周结算单少了两笔。"),
        question="请提供结算单号和收款账户后四位，便于财务核对。",
        turns=(
            (A, "您好，已转财务核对结算单。"),
            (N, "财务：银行退票，收款账户户名不符。"),
            (B, "户名前几天改过，我重新提交。"),
        ),
        resolution="收款信息更新后已重新打款，预计今天到账。",
        fits=_is_consigned,
    ),
    Story(
        category=Category.OTHER,
        opening=("可以开发票吗？公司报销用。", "请问批量购买有没有优惠？"),
        question="请提供发票抬头、税号和接收邮箱。",
        turns=((A, "可以的，请稍等，我帮您登记。"), (B, "好的，谢谢。")),
        resolution="已为您登记，电子发票会在两个工作日内发到邮箱。",
        fits=_is_delivered,
    ),
    Story(
        category=Category.HUMAN_AGENT,
        opening=("转人工！机器人答非所问。", "请找一位人工客服，问题比较复杂。"),
        question="您好，人工客服为您服务，请详细描述一下遇到的问题。",
        turns=((A, "您好，我是人工客服，请讲。"), (B, "想确认一下质保期内换卡的流程。")),
        resolution="质保期内卡密无效可直接在订单页申请换卡，流程说明已发给您。",
        fits=_is_delivered,
    ),
)

FOREIGN = (
    Story(
        category=Category.INVALID_CARD,
        opening=("The code says 'invalid or expired'. I tried it twice.",),
        question="Could you tell us which region your account is set to?",
        turns=(
            (A, "Hello, thank you for writing. I am checking this code with our supplier."),
            (N, "海外账号，供应商确认未激活，换卡。"),
            (B, "Thanks, I will wait."),
        ),
        resolution="The code had not been activated. A new one is in your mailbox, and the old one is void.",
        thanks="Quick and friendly.",
        again="The new code does not work either.",
        fits=_is_delivered,
        language=Language.EN,
    ),
    Story(
        category=Category.HOW_TO_USE,
        opening=("Ya recibí el código, pero no encuentro dónde canjearlo.",),
        question="¿Lo intenta desde el ordenador o desde el móvil?",
        turns=(
            (A, "Hola, en la aplicación abra Cuenta y luego Canjear un código."),
            (N, "西语用户，已发图文步骤。"),
            (B, "Gracias, voy a probarlo."),
        ),
        resolution="El canje está en los ajustes de la cuenta. Le hemos enviado los pasos con imágenes.",
        thanks="Muy claro, muchas gracias.",
        again="No funciona, ¿pueden revisarlo otra vez?",
        fits=_is_delivered,
        language=Language.ES,
    ),
)
# One of the foreign ones after every eight Chinese ones, and delivery troubles more often than the rest.
_OFTEN = CHINESE[:4]
STORIES = (*CHINESE[:8], FOREIGN[0], *_OFTEN, *CHINESE[8:], FOREIGN[1])
