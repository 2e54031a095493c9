"""The flow tests' fixtures are in fixtures.py, which the integration tests share."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from fixtures import *  # noqa: E402,F401,F403
