"""common - names that the integration tests share."""

import os
from pathlib import Path

HERE = Path(__file__).resolve().parent
# A newer Node.js than the machine's comes first, where install.sh had to bring one.
os.environ["PATH"] = f"{HERE / 'node_modules/.bin'}{os.pathsep}{os.environ['PATH']}"
KEY = "sk-bf-integration-integration-integration-1234"
NARROW = "sk-bf-narrow-narrow-narrow-narrow-narrow-5678"
