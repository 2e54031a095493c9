"""llama - llama.cpp's server with a small real model (install.sh), and what it says of its own work."""

import os
import re
from pathlib import Path

from gateway import Process
from wire import call

FOLDER = Path(os.environ.get("BOWFIN_LLAMA", Path(__file__).resolve().parents[2] / "build/real"))


class Llama(Process):
    def __init__(self, *args):
        # Its log goes where a ready line is looked for.
        super().__init__(["sh", "-c", 'exec "$@" 2>&1', "sh", FOLDER / "llama-server", "--model", FOLDER / "model.gguf",
                          "--chat-template-file", FOLDER / "template.jinja",
                          "--host", "127.0.0.1", "--port", "0", "--ctx-size", "4096", "--parallel", "2", "--seed", "1", *args],
                         r".*listening on (http://\S+)$")
        self.base = self.wait_ready(60).group(1)

    def generated(self):
        """Tokens that it has made since its start."""
        text = call(self.base, "GET", "/metrics").body.decode()
        return int(float(re.search(r"^llamacpp:tokens_predicted_total (\S+)$", text, re.M).group(1)))

    def prompt_tokens(self, **request):
        """What it counts for a prompt when it is asked without us."""
        answer = call(self.base, "POST", "/v1/chat/completions", {"max_tokens": 1, **request})
        assert answer.status == 200, answer
        return answer.json()["usage"]["prompt_tokens"]

    def stop(self):
        self.process.terminate()
        self.process.wait(20)
        self.remove()
