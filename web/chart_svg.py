"""Bars as inline SVG: two series by month. The table beside them says the same in figures."""

from typing import Final

from markupsafe import Markup, escape

from timebank.commons.fund_statements import MonthBar
from web.i18n import _, month, yuan

WIDTH: Final = 360
HEIGHT: Final = 150
BASE: Final = 125
LABEL_EVERY: Final = 3


def bars_svg(bars: tuple[MonthBar, ...]) -> Markup:
    """Return the chart of what came in and what was spent, month by month."""
    most = max((max(bar.income_fen, bar.spent_fen, 1) for bar in bars), default=1)
    step = WIDTH / max(len(bars), 1)
    parts = [_month(place * step, step, bar, most, place) for place, bar in enumerate(bars)]
    label = escape(_("Money that came in and money that was spent, month by month"))
    head = f'<svg class="fund-bars" viewBox="0 0 {WIDTH} {HEIGHT}" role="img"'
    axis = f'<line class="axis" x1="0" y1="{BASE}" x2="{WIDTH}" y2="{BASE}"/>'
    svg = f'{head} aria-label="{label}">{axis}{"".join(parts)}</svg>'
    return Markup(svg)  # noqa: S704  # every text in it is escaped


def _month(left: float, step: float, bar: MonthBar, most: int, place: int) -> str:
    width = step * 0.34
    income = _bar("came-in", left + step * 0.12, width, max(bar.income_fen, 0) / most)
    spent = _bar("spent", left + step * 0.52, width, max(bar.spent_fen, 0) / most)
    name = escape(month(bar.first_on))
    said = escape(
        _(
            "%(month)s: %(income)s came in, %(spent)s spent",
            month=month(bar.first_on),
            income=yuan(bar.income_fen),
            spent=yuan(bar.spent_fen),
        )
    )
    text = (
        f'<text x="{left + step / 2:.1f}" y="{BASE + 20}" text-anchor="middle">{name}</text>'
        if place % LABEL_EVERY == LABEL_EVERY - 1
        else ""
    )
    return f"<g><title>{said}</title>{income}{spent}{text}</g>"


def _bar(name: str, left: float, width: float, share: float) -> str:
    height = share * (BASE - 10)
    return (
        f'<rect class="{name}" x="{left:.1f}" y="{BASE - height:.1f}"'
        f' width="{width:.1f}" height="{height:.1f}"/>'
    )
