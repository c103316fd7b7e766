"""The one exception that is meant for the user: its text is printed as it is, without a traceback."""


class Failure(Exception):
    """What went wrong, in a text that says what to check or change."""
