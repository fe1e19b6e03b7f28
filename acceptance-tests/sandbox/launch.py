"""Starts ministack with the shims that docs/sandbox.md lists, and ends with the harness.

Run by `Sandbox::start`. The environment (port, host, folders) is set there. Standard input is a pipe that the harness
holds open: when it closes, this process group ends and its
folder (TAP_SANDBOX_FOLDER) goes, even when the harness was killed with SIGKILL.
"""

import os
import shutil
import signal
import sys
import threading

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))


def end_with_the_harness():
    while os.read(0, 1024):
        pass
    shutil.rmtree(os.environ["TAP_SANDBOX_FOLDER"], ignore_errors=True)
    os.killpg(os.getpgrp(), signal.SIGKILL)


def main():
    threading.Thread(target=end_with_the_harness, name="harness-watch", daemon=True).start()
    import shims

    shims.install()
    from ministack.app import main as serve

    sys.argv = ["ministack"]
    serve()


if __name__ == "__main__":
    main()
