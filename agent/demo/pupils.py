"""The virtual students: who they are, when they answer, and what."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import NamedTuple

from agent.lesson.events import QuestionKind
from agent.lesson.questions import BUZZ, HERE

CLICKERS = 48
PHONES = 6
SPREAD_S = 1.8
"""All answers to a question come within this."""
KNOWS = 0.7
CHANGES_MIND = 0.1
TEXTS = ("光合作用", "呼吸作用", "不知道")
NUMBERS = ("12.5", "12", "13.5", "25", "0.5")
SURNAMES = "王李张刘陈杨赵黄周吴徐孙胡朱高林何郭马罗"
GIVEN = (
    "子涵",
    "雨桐",
    "浩然",
    "欣怡",
    "宇轩",
    "梓萱",
    "俊杰",
    "诗琪",
    "明哲",
    "思远",
    "佳宁",
    "乐天",
)


class Pupil(NamedTuple):
    """One student of the class. `keypad` is "" for who answers on a phone."""

    number: str
    name: str
    keypad: str
    card: str


class Press(NamedTuple):
    """A press to come: when, after the question was asked, and what."""

    after_s: float
    key: str


def make_class(rng: random.Random, clickers: int = CLICKERS, phones: int = PHONES) -> list[Pupil]:
    """Invented students with a card each, first those with clickers, then those with phones."""
    names = [surname + given for surname in SURNAMES for given in GIVEN]
    return [
        Pupil(
            number=f"2026{place:04d}",
            name=name,
            keypad=f"{rng.randrange(1 << 32):08X}" if place <= clickers else "",
            card=f"0A{rng.randrange(1 << 32):08X}",
        )
        for place, name in enumerate(rng.sample(names, clickers + phones), start=1)
    ]


def roster_csv(pupils: Sequence[Pupil]) -> str:
    """The class as a school would send it."""
    lines = [f"{one.number},{one.name},{one.keypad},{one.card}" for one in pupils]
    return "\n".join(["number,name,keypad,card", *lines])


def choices(kind: QuestionKind, options: int) -> list[str]:
    """What can be answered."""
    letters = "ABCDEFGHIJ"[:options]
    possible: dict[QuestionKind, list[str]] = {
        "single": list(letters),
        "multiple": [one + other for one in letters for other in letters if one < other],
        "true_false": ["true", "false"],
        "number": list(NUMBERS),
        "buzz": [BUZZ],
        "text": list(TEXTS),
        "scale": [str(step) for step in range(1, options + 1)],
        "order": [letters, letters[::-1]],
        "attendance": [HERE],
    }
    return possible[kind]


def answer(rng: random.Random, kind: QuestionKind, options: int, right: str | None) -> list[Press]:
    """When and what one student answers; two presses from who changes their mind."""
    possible = choices(kind, options)
    at_s = rng.triangular(0.1, SPREAD_S, SPREAD_S / 3)
    chosen = right if right is not None and rng.random() < KNOWS else rng.choice(possible)
    presses = [Press(at_s, chosen)]
    if len(possible) > 1 and rng.random() < CHANGES_MIND:
        other = rng.choice([key for key in possible if key != chosen])
        presses.insert(0, Press(at_s * rng.uniform(0.3, 0.8), other))
    return presses
