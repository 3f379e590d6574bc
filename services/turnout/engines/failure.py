"""The one error that an embedded engine raises to the composition.

Rules: the message is one line; it names the engine, its address, its log file when there is one,
and the setting that would make it work.
"""

from turnout.errors import Unavailable


class EngineFailed(Unavailable):
    """An embedded engine cannot start or does not stay up."""
