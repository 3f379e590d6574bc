"""The errors that an embedded engine raises to the composition.

Rules: the message is one line; it names the engine, its address, its log file when there is one,
and the setting that would make it work.
"""

import os

from turnout.errors import Unavailable

UNFIT_STATUS = os.EX_CONFIG
"""Exit status with which a service says that starting it again does not help."""


class EngineFailed(Unavailable):
    """An embedded engine cannot start or does not stay up."""


class EngineUnfit(EngineFailed):
    """A child said that starting it again does not help."""
