"""aimock - @copilotkit/aimock: a provider nobody here wrote, in six dialects."""

from common import HERE
from gateway import Process
from wire import call

# A provider's settings for each of its dialects.
UPSTREAMS = {"openai": "vendor: openai-compatible, dialect: openai, base_url: {base}/v1",
             "responses": "vendor: openai-compatible, dialect: responses, base_url: {base}/v1",
             "anthropic": "vendor: anthropic-compatible, base_url: {base}/v1",
             "gemini": "vendor: gemini, base_url: {base}/v1beta",
             "bedrock": "vendor: bedrock, dialect: bedrock, base_url: {base}",
             "cohere": "vendor: cohere, dialect: cohere, base_url: {base}"}


def providing(aimock, upstream):
    """A file with provider `ai`: aimock, in one dialect."""
    settings = UPSTREAMS[upstream].format(base=aimock.base)
    return f"require_key: false\nproviders:\n  ai: {{ {settings}, keys: [ {{ name: main, value: k }} ] }}\n"


class Aimock(Process):
    """@copilotkit/aimock: a provider nobody here wrote."""

    def __init__(self):
        super().__init__(["node", HERE / "aimock.mjs"], r"aimock ready (http://\S+)$")
        self.base = self.wait_ready().group(1)

    def journal(self):
        found = call(self.base, "GET", "/__aimock/journal").json()
        return found if isinstance(found, list) else found.get("entries", found.get("data"))

    def stop(self):
        self.process.terminate()
        self.process.wait(10)
        self.remove()
