"""What the demo world is made of: figures from the papers, invented names, goods and services.

Source: the case studies of community D (L city, 35,000 residents) and of the alley housekeepers of
community A (district X, T city).
"""

from dataclasses import dataclass

from timebank.service.models import Category

SERVICE_DAY_RULE = "FREQ=MONTHLY;BYMONTHDAY=9"
SERVICE_DAY_OF_MONTH = 9
WEEKLY_PATROL_RULE = "FREQ=WEEKLY;BYDAY=SA"

LOCAL_STARS = (600, 1200, 1800, 2400, 3000)
"""10 to 50 hours: a local table, since two years of the 9th do not reach a hundred hours."""

SURNAMES = "韦覃黄莫梁农邓罗唐周蒋潘陆何谢李张王陈刘"
GIVEN_NAMES = tuple(
    name
    for row in (
        "桂芬 志远 美玲 建国 秀英 素珍 海涛 春梅 世明 玉兰 雪莲 丽华",
        "永强 文斌 国良 小燕 淑贞 德明 凤英 家和 爱华 水生 金莲 振国",
        "月娥 大勇 秋菊 子轩 惠兰 长青 翠萍 正华 彩霞 保国 瑞芳 立新",
        "红英 学文 桂香 福生",
    )
    for name in row.split()
)


@dataclass(frozen=True, slots=True)
class ActivityFacts:
    """One recurring activity: `start` and `end` are local times, `rule` an RRULE."""

    title: str
    category: Category
    site: str
    address: str
    start: str
    end: str
    capacity: int
    rule: str = SERVICE_DAY_RULE


@dataclass(frozen=True, slots=True)
class GoodsFacts:
    """A kind of handmade goods; `maker` is a place in the member list, None: a resident's gift."""

    name: str
    story: str
    maker: int | None
    price_points: int
    piece_count: int


@dataclass(frozen=True, slots=True)
class CommunityFacts:
    """One community of the demo world."""

    code: str
    name: str
    name_en: str
    issuer_name: str
    issuer_contact: str
    responsible_name: str
    member_count: int
    phone_prefix: str
    """Seven digits of invented phone numbers; the member's place fills the other four."""
    star_thresholds_minutes: tuple[int, ...]
    activities: tuple[ActivityFacts, ...]
    goods: tuple[GoodsFacts, ...]


COMMUNITY_D = CommunityFacts(
    code="D",
    name="D社区",
    name_en="Community D",
    issuer_name="L市D社区居民委员会",
    issuer_contact="0770-5550 1009",
    responsible_name="覃立新",
    member_count=80,
    phone_prefix="1390000",
    star_thresholds_minutes=LOCAL_STARS,
    activities=(
        ActivityFacts(
            "炒粉送保洁员和低保户",
            Category.AD_HOC,
            "幸福路烧烤店",
            "幸福路 12 号",
            "09:00",
            "11:30",
            15,
        ),
        ActivityFacts(
            "老花镜义配引导", Category.OUTREACH, "街口眼镜店", "街口 3 号", "09:00", "11:30", 12
        ),
        ActivityFacts(
            "书法课助教", Category.AD_HOC, "社区书法教室", "服务中心二楼", "14:30", "16:30", 10
        ),
        ActivityFacts(
            "菜市场环境巡查",
            Category.ENVIRONMENT,
            "幸福路菜市场东门",
            "幸福路 40 号",
            "09:00",
            "11:30",
            15,
        ),
        ActivityFacts(
            "楼栋安全排查",
            Category.SAFETY,
            "D社区服务中心",
            "服务中心一楼",
            "15:00",
            "17:00",
            10,
            WEEKLY_PATROL_RULE,
        ),
    ),
    goods=(
        GoodsFacts("羊毛围巾", "冬天织给晚归的保洁员，一条要织四个晚上。", 16, 20, 12),
        GoodsFacts("布艺杯垫 一套", "旧衬衫裁的，六片一套，花色各不相同。", 12, 12, 20),
        GoodsFacts("钩针小挎包", "妈妈帮周三下午一起钩的。", 9, 15, 14),
        GoodsFacts("老花镜布袋", "配镜那天送出去四十个，余下的放在店里。", 11, 4, 40),
        GoodsFacts("手工香皂", "居民捐来的，桂花味。", None, 5, 60),
        GoodsFacts("千层底鞋垫", "老手艺，一双纳三百多针。", 15, 6, 30),
        GoodsFacts("书法春联", "书法班的孩子写的，老师盖了章。", None, 8, 24),
        GoodsFacts("竹编小篮", "竹子是自己上山砍的。", 7, 18, 9),
    ),
)

COMMUNITY_A = CommunityFacts(
    code="A",
    name="A社区",
    name_en="Community A",
    issuer_name="T市X区A社区居民委员会",
    issuer_contact="022-5550 2022",
    responsible_name="刘正华",
    member_count=40,
    phone_prefix="1380000",
    star_thresholds_minutes=LOCAL_STARS,
    activities=(
        ActivityFacts(
            "小巷环境监督", Category.ENVIRONMENT, "平安里巷口", "平安里 1 号", "08:30", "10:30", 12
        ),
        ActivityFacts(
            "宣传入户", Category.OUTREACH, "A社区居委会", "平安里 22 号", "09:00", "11:00", 10
        ),
        ActivityFacts(
            "居民信息核对",
            Category.RESIDENT_INFORMATION,
            "A社区居委会",
            "平安里 22 号",
            "14:00",
            "16:00",
            8,
        ),
    ),
    goods=(
        GoodsFacts("手写福字", "小巷管家书法小队写的。", None, 6, 30),
        GoodsFacts("毛线帽", "给执勤的邻居挡风。", 13, 14, 10),
    ),
)

TEAMS = ("小巷管家一组", "小巷管家二组", "小巷管家三组", "书法小队", "互相帮家政服务队", "妈妈帮")


def member_name(place: int) -> str:
    """Return the invented name of the member at `place` (0 …); the first 800 differ."""
    surname = SURNAMES[place % len(SURNAMES)]
    given = GIVEN_NAMES[(place * 7 + place // len(SURNAMES)) % len(GIVEN_NAMES)]
    return surname + given
