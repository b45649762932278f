"""A dialogue in made-up time: what is said when, and when it is given up."""

from drivers.dialogue import Dialogue, Rest, Say, Script

ANSWER_S = 1.0


def dialogue(*steps: Say | Rest) -> tuple[Dialogue, list[bool]]:
    """One that does these and then rests, and what its script was told."""
    told: list[bool] = []

    def script() -> Script:
        for step in steps:
            told.append((yield step))
        while True:
            told.append((yield Rest(9.0)))

    return Dialogue(script(), "here", timeout_s=ANSWER_S, now_s=0.0), told


def test_the_next_command_waits_for_the_answer_to_the_one_before_and_for_the_pause() -> None:
    talk, told = dialogue(Say(b"a", b"A", pause_s=0.5), Say(b"b", b"B"))
    assert talk.advance(0.0) == b"a"
    talk.hear(b"B of another")
    assert (talk.advance(0.1), talk.deadline_s) == (b"", ANSWER_S)
    talk.hear(b"A and what was left in its buffer")
    assert (talk.advance(0.2), told) == (b"", [])
    assert talk.advance(0.7) == b"b"
    assert told == [True]


def test_a_command_is_said_again_as_often_as_it_may_be() -> None:
    talk, told = dialogue(Say(b"a", b"A", tries=2), Say(b"b", b"B"))
    assert [talk.advance(now_s) for now_s in (0.0, 1.0, 2.0)] == [b"a", b"a", b"b"]
    assert (told, talk.unanswered) == ([False], 2)


def test_an_answer_after_its_time_is_none() -> None:
    talk, told = dialogue(Say(b"a", b"A", pause_s=0.5))
    assert [talk.advance(now_s) for now_s in (0.0, 1.0)] == [b"a", b""]
    talk.hear(b"A")
    assert (talk.advance(1.5), told) == (b"", [False])


def test_after_three_commands_in_vain_and_nothing_heard_it_is_lost() -> None:
    talk, _ = dialogue(*(Say(b"%d" % number, b"A") for number in range(9)))
    assert [talk.advance(now_s) for now_s in (0.0, 1.0)] == [b"0", b"1"]
    talk.hear(b"a vote: it lives")
    assert [talk.advance(now_s) for now_s in (2.0, 3.0, 4.0)] == [b"2", b"3", b""]
    assert talk.lost is not None
    assert (talk.lost.code, talk.unanswered) == ("base_silent", 4)


def test_without_the_answer_to_a_needed_command_it_is_lost_whatever_else_is_heard() -> None:
    talk, told = dialogue(Say(b"a", b"A", tries=2, needed=True))
    assert talk.advance(0.0) == b"a"
    talk.hear(b"a vote")
    assert [talk.advance(now_s) for now_s in (1.0, 2.0)] == [b"a", b""]
    assert talk.lost is not None
    assert told == []


def test_news_end_a_rest_and_those_that_came_before_it_do_too() -> None:
    talk, told = dialogue(Rest(5.0), Say(b"a", b"A"), Rest(5.0))
    assert (talk.advance(4.9), talk.deadline_s) == (b"", 5.0)
    assert talk.advance(5.0) == b"a"
    talk.wake(5.1)
    talk.hear(b"A")
    assert (talk.advance(5.2), talk.deadline_s, told) == (b"", 14.2, [False, True, True])
    talk.wake(5.3)
    assert talk.deadline_s == 5.3
    assert (talk.advance(5.3), told) == (b"", [False, True, True, True])
