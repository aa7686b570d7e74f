"""What is measured on a page: rules of accessibility, sizes of targets and type, sideways scroll.

Scripts run through the browser's debugging protocol, since the page's own policy lets no other
script in; nothing of that policy is switched off.
"""

from functools import cache
from pathlib import Path
from typing import Any

import axe_playwright_python
from playwright.sync_api import Page

RULES = {
    "runOnly": {
        "type": "tag",
        "values": [
            "wcag2a",
            "wcag2aa",
            "wcag21a",
            "wcag21aa",
            "wcag22aa",
            "best-practice",
        ],
    },
    "resultTypes": ["violations"],
}
COLOURS = {
    "runOnly": {"type": "rule", "values": ["color-contrast"]},
    "resultTypes": ["violations"],
}
STYLE = {
    "runOnly": {
        "type": "rule",
        "values": ["color-contrast", "target-size", "scrollable-region-focusable"],
    },
    "resultTypes": ["violations"],
}
TAP_PIXELS = 44
ELDER_TAP_PIXELS = 60
ELDER_TEXT_PIXELS = 18

# A link inside a sentence or a table's row is as high as its line (the exception of WCAG 2.5.8);
# a box to tick counts with its label. What is not shown, or only to screen readers, is no target.
SMALL_TARGETS = """
(least) => {
  const pressed = "a[href], button, input, select, textarea, summary";
  const shown = (element) => {
    const box = element.getBoundingClientRect();
    const style = getComputedStyle(element);
    return box.width > 1 && box.height > 1 && style.visibility === "visible"
      && !element.closest(".skip, .visually-hidden") && element.type !== "hidden";
  };
  const isInline = (element) =>
    element.tagName === "A" && getComputedStyle(element).display === "inline";
  const boxOf = (element) => {
    const isBox = ["checkbox", "radio", "file"].includes(element.type);
    return ((isBox && element.closest("label")) || element).getBoundingClientRect();
  };
  return [...document.querySelectorAll(pressed)]
    .filter((element) => shown(element) && !isInline(element))
    .map((element) => [element, boxOf(element)])
    .filter(([, box]) => box.width < least - 0.5 || box.height < least - 0.5)
    .map(([element, box]) =>
      `${Math.round(box.width)}x${Math.round(box.height)} ` + element.outerHTML.slice(0, 110));
}
"""

# Text in pictures of codes and on paper (receipt, certificate) has a fixed size in millimetres.
SMALL_TEXTS = """
(least) => {
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const found = new Set();
  while (walker.nextNode()) {
    const parent = walker.currentNode.parentElement;
    if (!walker.currentNode.data.trim() || !parent.getClientRects().length) continue;
    if (parent.closest("svg, script, style, .visually-hidden, .receipt, .sheet, .label")) continue;
    const size = parseFloat(getComputedStyle(parent).fontSize);
    if (size < least) found.add(`${size}px ${parent.className} ${walker.currentNode.data.trim()}`);
  }
  return [...found];
}
"""

# What sticks out is named, so that a failing test says where to look; what scrolls by itself may be
# as wide as it likes inside.
WIDE_ELEMENTS = """
() => {
  const width = document.documentElement.clientWidth;
  if (document.documentElement.scrollWidth <= width) return [];
  const scrolls = (element) =>
    element.parentElement && (getComputedStyle(element.parentElement).overflowX !== "visible"
      || scrolls(element.parentElement));
  const wide = [...document.body.querySelectorAll("*")]
    .filter((element) => element.getBoundingClientRect().right > width + 1 && !scrolls(element))
    .map((element) => element.outerHTML.slice(0, 110));
  return [`${document.documentElement.scrollWidth} pixels wide`, ...wide.slice(0, 4)];
}
"""


@cache
def axe_script() -> str:
    """Return the engine of the accessibility rules."""
    folder = Path(axe_playwright_python.__file__).parent
    return (folder / "axe.min.js").read_text(encoding="utf-8")


def violations(page: Page) -> list[str]:
    """Return what breaks a rule of WCAG 2.2 A and AA or of best practice, one line for each."""
    return _broken(page, RULES)


def night_violations(page: Page) -> list[str]:
    """Return what breaks a rule when the phone is set to dark: there only the colours differ."""
    page.emulate_media(color_scheme="dark")
    found = _broken(page, COLOURS)
    page.emulate_media(color_scheme="light")
    return [f"(dark) {each}" for each in found]


def style_violations(page: Page) -> list[str]:
    """Return what breaks a rule that looks at style: size, colour, what scrolls."""
    return _broken(page, STYLE)


def turn_elder(page: Page, size: int) -> None:
    """Turn an open page to the elder version, 1 to 3; its markup is the same."""
    page.evaluate("size => { document.documentElement.dataset.elder = size; }", size)


def _broken(page: Page, rules: dict[str, Any]) -> list[str]:
    if not page.evaluate("'axe' in window"):
        page.evaluate(axe_script())
    results: dict[str, Any] = page.evaluate("rules => axe.run(rules)", rules)
    return [
        f"{found['id']}: {node['target'][0]} {node['html'][:110]} "
        f"{(node['any'] or node['all'] or node['none'] or [{'message': ''}])[0]['message']}"
        for found in results["violations"]
        for node in found["nodes"][:3]
    ]


def small_targets(page: Page, least: int) -> list[str]:
    """Return what can be pressed and is narrower or lower than `least` pixels."""
    return list(page.evaluate(SMALL_TARGETS, least))


def small_texts(page: Page, least: int) -> list[str]:
    """Return the texts that are smaller than `least` pixels."""
    return list(page.evaluate(SMALL_TEXTS, least))


def wide_elements(page: Page) -> list[str]:
    """Return what makes the page scroll sideways; empty when it does not."""
    return list(page.evaluate(WIDE_ELEMENTS))
