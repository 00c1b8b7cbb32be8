"""The demo shop's queues and staff."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from api.demo.stage import Stage
from domain.identity.kinds import Presence
from domain.identity.setup import create_agent
from domain.shared.act import Role, Viewer
from domain.shared.clock import HOUR
from domain.tickets.actions.working import set_presence
from domain.tickets.kinds import TicketCategory as Category
from domain.tickets.setup import create_queue, join_queues

PASSWORD = "demo-password"  # noqa: S105 - the README names it
GENERAL, DELIVERY, PAYMENT, DISPUTES = "general", "delivery", "payment", "disputes"
ALL = (GENERAL, DELIVERY, PAYMENT, DISPUTES)
ROOM_WHILE_LOADING = 50

QUEUES: tuple[tuple[str, str, tuple[Category, ...]], ...] = (
    (GENERAL, "综合", ()),
    (
        DELIVERY,
        "发货",
        (Category.NOT_RECEIVED, Category.INVALID_CARD, Category.ALREADY_REDEEMED, Category.WRONG_PURCHASE),
    ),
    (PAYMENT, "支付", (Category.PAYMENT_ISSUE, Category.TOPUP_DELAYED, Category.REFUND_REQUEST)),
    (DISPUTES, "投诉与争议", (Category.COMPLAINT, Category.SETTLEMENT_DELAY)),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Post:
    """A member of the staff: how the account is made, and how it stands once the demo is loaded."""

    email: str
    name: str
    queues: tuple[str, ...]
    role: Role = Role.AGENT
    presence: Presence = Presence.ONLINE
    capacity: int = 4


POSTS = (
    Post(email="agent@example.com", name="小李", queues=ALL, capacity=6),
    Post(email="wang@example.com", name="小王", queues=(GENERAL, DELIVERY)),
    Post(email="chen@example.com", name="小陈", queues=(GENERAL, PAYMENT)),
    Post(email="zhao@example.com", name="小赵", queues=(DELIVERY, DISPUTES), presence=Presence.AWAY),
    Post(email="supervisor@example.com", name="周敏", queues=(PAYMENT, DISPUTES), role=Role.SUPERVISOR, capacity=3),
    Post(email="admin@example.com", name="老陈", queues=ALL, role=Role.ADMIN, presence=Presence.OFFLINE),
)


@dataclass(frozen=True, slots=True)
class Worker:
    post: Post
    viewer: Viewer

    @property
    def is_at_work(self) -> bool:
        return self.post.presence is Presence.ONLINE


@dataclass(frozen=True, slots=True)
class Crew:
    queues: dict[str, UUID]
    workers: list[Worker]

    def queue_of(self, category: Category) -> str:
        return next((slug for slug, _, known in QUEUES if category in known), GENERAL)

    def on(self, queue: str, *, at_work: bool) -> list[Worker]:
        """Who may have worked on a queue; `at_work`: only who still does, not the one who runs the shop."""
        return [
            worker
            for worker in self.workers
            if queue in worker.post.queues and worker.post.role is not Role.ADMIN and (worker.is_at_work or not at_work)
        ]


async def hire(stage: Stage, *, at: int) -> Crew:
    """Everybody is at work with room to spare until `take_posts`, so that the past can be played."""
    act = stage.act(at)
    queues = {
        slug: await create_queue(act, slug=slug, name=name, categories=categories, is_default=slug == GENERAL)
        for slug, name, categories in QUEUES
    }
    workers = []
    for post in POSTS:
        agent_id = await create_agent(
            act, email=post.email, name=post.name, password=PASSWORD, role=post.role, capacity=post.capacity
        )
        await join_queues(act, agent_id=agent_id, queue_ids=[queues[slug] for slug in post.queues])
        viewer = Viewer(role=post.role, shop_id=stage.shop_id, principal_id=agent_id, name=post.name)
        await set_presence(stage.act(at, viewer), presence=Presence.ONLINE, capacity=ROOM_WHILE_LOADING)
        workers.append(Worker(post, viewer))
    return Crew(queues, workers)


async def take_posts(stage: Stage, crew: Crew) -> None:
    """Everybody went home yesterday; today's shift came this morning."""
    evening, morning = stage.now - 16 * HOUR, stage.now - 3 * HOUR
    for worker in crew.workers:
        post = worker.post
        await set_presence(stage.act(evening, worker.viewer), presence=Presence.OFFLINE, capacity=post.capacity)
        await set_presence(stage.act(morning, worker.viewer), presence=post.presence, capacity=post.capacity)
