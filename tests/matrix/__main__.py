"""`python -m tests.matrix` prints the matrix, `python -m tests.matrix README.md` puts it in there."""

import sys
from pathlib import Path

from tests.matrix.printed import filled, matrix

if len(sys.argv) > 1:
    path = Path(sys.argv[1])
    path.write_text(filled(path.read_text(encoding="utf-8")), encoding="utf-8")
else:
    print(matrix(), end="")
