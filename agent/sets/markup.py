"""HTML in the texts of questions, as far as a plain text can say it."""

from __future__ import annotations

import html
import re

_ATTRIBUTES = r"(?:\s+[\w:-]+(?:\s*=\s*(?:\"[^\"]*\"|'[^']*'|[^\s\"'<>=]+))?)*"
_NAMES = (
    "p|br|b|i|u|em|strong|span|div|sub|sup|img|ul|ol|li|table|tbody|thead|tr|td|th|font|a|h[1-6]"
    "|pre|code|small|big|hr|blockquote|center|s"
)
_TAG = re.compile(rf"<(/?)({_NAMES})({_ATTRIBUTES})\s*/?>", re.IGNORECASE)
_LINES = {"p", "br", "div", "li", "tr", "h1", "h2", "h3", "h4", "h5", "h6", "pre", "blockquote"}
RAISED = {"sup": "^", "sub": "_"}
"""What stands higher or lower, as a formula says it."""


def is_marked_up(text: str) -> bool:
    """Whether the text has tags of HTML, and is no comparison of letters."""
    return any(found[1] or found[2].lower() == "br" for found in _TAG.finditer(text))


def plain(text: str) -> tuple[str, bool]:
    """The text without its tags, and whether there was a picture among them."""
    pictures = False

    def said(found: re.Match[str]) -> str:
        nonlocal pictures
        name, ends = found[2].lower(), bool(found[1])
        if name == "img":
            pictures = True
        if name in RAISED:
            return "}$" if ends else f"${RAISED[name]}{{"
        if name in _LINES:
            return "\n" if ends or name == "br" else ""
        return " " if name in ("td", "th") and ends else ""

    flat = re.sub(r"\s+", " ", text)
    lines = html.unescape(_TAG.sub(said, flat)).split("\n")
    return "\n".join(line.strip() for line in lines).strip(), pictures
