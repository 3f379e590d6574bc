"""A router key as the settings hold it: its hash, and who uses it. The key itself is nowhere."""

from pydantic import BaseModel, ConfigDict, Field

from turnout.policy.request import Tags


class RouterKey(BaseModel):
    """A key of ours, as its hash. `turnout keys new` prints both."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(description="Who uses it; appears in facts.")
    sha256: str = Field(pattern="^[0-9a-f]{64}$", description="Hash of the key, hexadecimal.")
    tenant: str = Field(
        default="default",
        pattern="^[A-Za-z0-9_-]{1,64}$",
        description="Whose settings and mode apply.",
    )
    team: str = ""
    repository: str = ""
    branch: str = ""
    ticket: str = ""

    @property
    def tags(self) -> Tags:
        return Tags(
            team=self.team, repository=self.repository, branch=self.branch, ticket=self.ticket
        )
