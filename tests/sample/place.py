"""Where the committed tables are."""

from pathlib import Path
from typing import Final

TABLES: Final = Path(__file__).parent / "tables"
