"""What everybody must be able to see and reach, measured in the browser."""

from __future__ import annotations

from typing import Any

__all__ = ["faint", "ids_twice", "nameless", "overflow", "small_targets"]

# Text whose contrast with what lies behind it is below 4.5 to 1 (3 to 1 for large text).
_FAINT = """() => {
    const pen = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
    const rgba = (colour) => {
        pen.clearRect(0, 0, 1, 1);
        pen.fillStyle = colour;
        pen.fillRect(0, 0, 1, 1);
        const [red, green, blue, alpha] = pen.getImageData(0, 0, 1, 1).data;
        return [red, green, blue, alpha / 255];
    };
    const over = ([r, g, b, a], under) => [r, g, b].map((value, at) => value * a + under[at] * (1 - a));
    const light = (rgb) => {
        const [r, g, b] = rgb.map((value) => value / 255).map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4));
        return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    };
    const behind = (element) => {
        const layers = [];
        for (let one = element; one; one = one.parentElement) layers.push(rgba(getComputedStyle(one).backgroundColor));
        return layers.reverse().reduce((under, layer) => over(layer, under), [255, 255, 255]);
    };
    const found = new Set();
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (walker.nextNode()) {
        const text = walker.currentNode.data.trim();
        const element = walker.currentNode.parentElement;
        if (!text || element.closest("[disabled], noscript, .unseen, .skip, option") || !element.checkVisibility({ visibilityProperty: true })) continue;
        const style = getComputedStyle(element);
        const ground = behind(element);
        const [a, b] = [light(over(rgba(style.color), ground)), light(ground)].sort((x, y) => y - x);
        const size = parseFloat(style.fontSize);
        const large = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700);
        const ratio = (a + 0.05) / (b + 0.05);
        if (ratio < (large ? 3 : 4.5)) found.add(`${text.slice(0, 40)}: ${ratio.toFixed(2)} (${style.color})`);
    }
    return [...found];
}"""

_TWICE = """() => {
    const ids = [...document.querySelectorAll("[id]")].map((one) => one.id);
    return ids.filter((one, at) => ids.indexOf(one) !== at);
}"""

_OVERFLOW = """() => {
    const width = document.documentElement.clientWidth;
    if (document.documentElement.scrollWidth <= width) return [];
    return [...document.querySelectorAll("body *")].filter((one) => one.getBoundingClientRect().right > width + 1)
        .map((one) => `${one.tagName}.${one.className}`).slice(0, 5);
}"""

_SMALL = """() => [...document.querySelectorAll("button, select, .tabs a, main a.button")]
    .filter((one) => one.checkVisibility() && !one.closest(".unseen"))
    .filter((one) => one.getBoundingClientRect().height < 30 || one.getBoundingClientRect().width < 30)
    .map((one) => one.getAttribute("aria-label") ?? one.textContent)"""

_ROLES = {
    "button", "link", "textbox", "searchbox", "combobox", "checkbox", "radio", "slider", "spinbutton", "dialog", "navigation", "image",
}  # fmt: skip


def faint(page: Any) -> list[str]:
    return page.evaluate(_FAINT)


def ids_twice(page: Any) -> list[str]:
    return page.evaluate(_TWICE)


def overflow(page: Any) -> list[str]:
    """What makes the page wider than its window."""
    return page.evaluate(_OVERFLOW)


def small_targets(page: Any) -> list[str]:
    """What a finger would miss."""
    return page.evaluate(_SMALL)


def nameless(page: Any) -> list[str]:
    """Controls that a screen reader could not name, by what the browser tells it."""
    session = page.context.new_cdp_session(page)
    nodes = session.send("Accessibility.getFullAXTree")["nodes"]
    session.detach()
    found = []
    for node in nodes:
        role = node.get("role", {}).get("value", "")
        name = node.get("name", {}).get("value", "").strip()
        if not node.get("ignored") and role in _ROLES and not name:
            found.append(role)
    return found
