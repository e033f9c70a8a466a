"""An error of a command, for the person who typed it."""

from __future__ import annotations


class CommandError(Exception):
    """The message is one line; `hint` says the way out."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint
