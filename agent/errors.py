"""What the agent refuses, named for the reaction it calls for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple


class AgentError(Exception):
    """The root of the agent's own errors.

    Attributes:
        code: a stable word that pages translate.
        where: the file, key or thing concerned.
        hint: what to do, in one English sentence.
    """

    def __init__(self, code: str, where: str, hint: str) -> None:
        super().__init__(f"{where}: {code}: {hint}")
        self.code = code
        self.where = where
        self.hint = hint


class NotDurable(AgentError, OSError):
    """Nothing was recorded and nothing ticked; the same may be tried again."""


class InputInvalid(AgentError, ValueError):
    """A file or an argument must be corrected by the person who gave it."""


class StartAgain(Exception):
    """Raised by a part whose next start knows more: the agent stops all parts and starts again."""


class IllegalTransition(AgentError, RuntimeError):
    """A bug: a state machine was asked for a step that its table does not have."""

    def __init__(self, state: str, trigger: str) -> None:
        super().__init__("step_not_possible", f"{trigger} while {state}", "send the log to support")
        self.state = state
        self.trigger = trigger


class SettingsProblem(NamedTuple):
    """One thing wrong in a settings file. `line` None: it concerns the file as a whole."""

    line: int | None
    key: str
    code: str
    text: str


class SettingsInvalid(InputInvalid):
    """The settings file must be corrected. `problems`: all that was found, in order of lines."""

    def __init__(self, file: str, problems: Sequence[SettingsProblem]) -> None:
        self.file = file
        self.problems = tuple(problems)
        super().__init__("settings_invalid", file, "; ".join(self.lines()))

    def lines(self) -> list[str]:
        """Each problem as FILE:LINE: KEY: what and what to do."""
        told = []
        for one in self.problems:
            place = self.file if one.line is None else f"{self.file}:{one.line}"
            told.append(": ".join(part for part in (place, one.key, one.text) if part))
        return told
