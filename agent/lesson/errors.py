"""What a lesson refuses, named for who must react."""

from __future__ import annotations


class LessonError(Exception):
    """The root of this package's errors."""


class LessonRefused(LessonError, ValueError):
    """The person who asked must ask otherwise.

    Attributes:
        code: a stable word that pages translate.
        where: the field or thing concerned.
        hint: what to do, in English.
    """

    def __init__(self, code: str, where: str, hint: str) -> None:
        super().__init__(f"{where}: {code}: {hint}")
        self.code = code
        self.where = where
        self.hint = hint


class NotThere(LessonRefused, LookupError):
    """The lesson, question, class or student asked for does not exist."""


class IllegalTransition(LessonRefused):
    """The state machine has no such step."""

    def __init__(self, state: str, trigger: str) -> None:
        super().__init__("step_not_possible", f"{trigger} while {state}", "reload the page")
        self.state = state
        self.trigger = trigger
