"""What is written is read again, whatever the questions are."""

from __future__ import annotations

from hypothesis import example, given, settings
from hypothesis import strategies as st

from agent.lesson.questions import LETTERS
from agent.sets import gift, package
from agent.sets.items import KINDS, Item, ItemInvalid, QuestionSet, item, tidy_line
from agent.sets.reading import read

PIECES = st.sampled_from([
    *"\\{}=~#:%$/[]<>&\"'_-. \n\t",
    "$x^2$", "\\neq", "$\\neq$", "->", "::", "//", "$CATEGORY:", "[html]", "[plain]", "[tag:x]",
    "%50%", "T", "答案", "ANSWER: A", "A) a", "&lt;", "<b>", "<br>", "<sup>2</sup>", "  ", "\r\n",
    "]]>", "{1:SA:=x}", "…", "🙂", "\ue000", "\ufdd0", "\x07", "text,answer",
])  # fmt: skip
TEXTS = st.lists(st.one_of(PIECES, st.text(max_size=3)), min_size=1, max_size=12).map("".join)


@st.composite
def items(draw: st.DrawFn) -> Item | None:
    kind = draw(st.sampled_from(KINDS))
    options: list[str] = []
    keys = st.sampled_from(["true", "false"])
    if kind in ("single", "multiple"):
        count = draw(st.integers(2, 10))
        texted = draw(st.booleans())
        options = [draw(TEXTS) if texted else "" for _ in range(count)]
        keys = st.sampled_from(LETTERS[:count])
    if kind == "number":
        keys = st.decimals(-999, 999, places=3).map(lambda value: f"{value:f}")
    most = 4 if kind in ("multiple", "number") else 1
    key = draw(st.none() | st.lists(keys, min_size=1, max_size=most, unique=True))
    timer_s = draw(st.none() | st.integers(5, 3600))
    points = draw(st.lists(TEXTS, max_size=3))
    try:
        return item(
            kind, draw(TEXTS), options=options, key=key, points=points, timer_s=timer_s,
            title=draw(st.just("") | TEXTS),
        )  # fmt: skip
    except ItemInvalid:
        return None


SETS = st.lists(items().filter(bool), min_size=1, max_size=4)


@given(SETS, TEXTS.map(tidy_line))
@example([item("single", "% \\neq $a$", options=["%50%", "T"], key=["A"])], "x")
@example([item("multiple", "[html] 5 < 6", options=["a", "b", "c"], key=["A", "B", "C"])], "")
@example([item("number", "a\n\n  b", key=["1", "2.50"])], "\\")
@settings(max_examples=150, deadline=None)
def test_a_set_written_and_read_again_is_the_same(made: list[Item], name: str) -> None:
    whole = QuestionSet(name=name, items=made)
    for data in (gift.write(whole).encode(), package.write(whole)):
        found = read(data)
        assert found.items == made
        assert found.name == name
        assert not found.questions_left_out


@given(SETS)
@settings(max_examples=25, deadline=None)
def test_the_version_names_the_questions_and_not_their_order_of_making(made: list[Item]) -> None:
    again = read(gift.write(QuestionSet(name="", items=made)).encode())
    assert (
        QuestionSet(name="a", items=again.items).version
        == QuestionSet(name="b", items=made).version
    )
    assert (
        QuestionSet(name="", items=[*made, made[0]]).version
        != QuestionSet(name="", items=made).version
    )
