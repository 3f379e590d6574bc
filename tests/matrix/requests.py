"""All rows of requests."""

from tests.matrix.declared import Feature
from tests.matrix.request_bound import BOUND
from tests.matrix.request_controls import CONTROLS
from tests.matrix.request_custom import CALL_IDS, CUSTOM, NAMES, STRICT
from tests.matrix.request_deferred import DEFERRED, TOOL_CHANGES
from tests.matrix.request_history import HISTORY
from tests.matrix.request_thinking import THINKING
from tests.matrix.request_tools import TOOLS

REQUESTS: tuple[Feature, ...] = (
    *HISTORY,
    *TOOLS,
    CALL_IDS,
    NAMES,
    STRICT,
    CUSTOM,
    DEFERRED,
    TOOL_CHANGES,
    *THINKING,
    *CONTROLS,
    *BOUND,
)
