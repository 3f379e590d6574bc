"""Which arm of the experiment a session is in: by a salted hash, so that no state is needed, every replica
says the same, and all requests of a session stay together.
"""

from hashlib import blake2b
from typing import Final

import msgspec

from turnout.policy.request import Arm

_BUCKETS: Final = 2**64


class Experiment(msgspec.Struct, frozen=True, gc=False):
    """How sessions are divided.

    Attributes:
        control_share: of all sessions, 0 to 1; at 0 none is assigned.
        salt: another one draws the arms anew.
    """

    control_share: float = 0.0
    salt: str = ""


NO_EXPERIMENT: Final = Experiment()


def arm_of(session: str, *, tenant: str, experiment: Experiment) -> Arm:
    if not experiment.control_share:
        return ""
    # Each part hashed by itself, so that no two pairs of tenant and session can run together.
    digest = blake2b(digest_size=8, person=b"arm")
    for part in (experiment.salt, tenant, session):
        digest.update(blake2b(part.encode("utf-8", "surrogatepass"), digest_size=16).digest())
    place = int.from_bytes(digest.digest(), "big") / _BUCKETS
    return "control" if place < experiment.control_share else "treatment"
