"""common - names that the integration tests share."""

from pathlib import Path

HERE = Path(__file__).resolve().parent
KEY = "sk-bf-integration-integration-integration-1234"
NARROW = "sk-bf-narrow-narrow-narrow-narrow-narrow-5678"
