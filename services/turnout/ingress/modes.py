"""The mode of every tenant, as it is now.

A change comes over the control bucket and is effective at the next request; without the bus the
last known mode stays. Reading is a dictionary look-up.
"""

import logging
from collections.abc import Mapping

from turnout.bus.control_keys import MODE_KEY
from turnout.policy.modes import as_mode
from turnout.policy.request import Mode

_LOG = logging.getLogger(__name__)


class ModeBoard:
    """Modes by tenant over a default.

    `paying_default` holds for callers with a credential of their own: a default that suits made-up
    answers must not choose for somebody's real account.
    """

    def __init__(self, default: Mode, *, paying_default: Mode | None = None) -> None:
        self._default: Mode = default
        self._paying_default: Mode = paying_default or default
        self._modes: dict[str, Mode] = {}

    def mode_of(self, tenant: str, *, pays: bool = False) -> Mode:
        return self._modes.get(tenant, self._paying_default if pays else self._default)

    def has_own(self, tenant: str) -> bool:
        """Whether the tenant's mode has been set, and no longer follows the default."""
        return tenant in self._modes

    def set_mode(self, tenant: str, mode: Mode) -> None:
        if self.mode_of(tenant) != mode:
            _LOG.info("mode changed", extra={"tenant": tenant, "mode": mode})
        self._modes[tenant] = mode

    def modes(self) -> Mapping[str, Mode]:
        """Every mode that differs from the default's source, "default" tenant included."""
        return {"default": self._default, **self._modes}

    def on_control(self, key: str, value: str | None) -> None:
        """A control key has changed or, with None, is gone; others than modes are not ours."""
        if not key.startswith(MODE_KEY):
            return
        if value is None:
            self._modes.pop(key.removeprefix(MODE_KEY), None)
            return
        mode = as_mode(value)
        if mode is None:
            _LOG.warning("unknown mode ignored", extra={"mode": value})
            return
        self.set_mode(key.removeprefix(MODE_KEY), mode)
