"""The official Node SDK: its tests are in sdk.test.mjs, run by Node's own runner."""

import os
import subprocess

from common import HERE, KEY


def test_node_sdk(sdk_gateway):
    done = subprocess.run(["node", "--test", "--test-reporter=tap", "sdk.test.mjs"], cwd=HERE, timeout=240, check=False,
                          stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          env={**os.environ, "BASE": sdk_gateway.base, "KEY": KEY})
    assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-2000:]
    # A run that found no tests would pass as well.
    passed = int(done.stdout.rsplit("# pass ", 1)[1].split()[0])
    assert passed >= 20, done.stdout[-2000:]
