"""The one exception that is meant for a person: its text is printed as it is, without a traceback."""


class Failure(Exception):
    """What went wrong, in words that say what to look at or change."""
