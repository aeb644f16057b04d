"""The one error of the local stack; its message is written for the person at the terminal."""


class StackError(Exception):
    """A part of the local stack can't be had. The message says what, where, and what to do next."""
