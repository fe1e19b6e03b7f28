"""What is left in the pipe when a function answers, with a reader that is slow: argument `shimmed` or `plain`.

Prints what the invocation's log is.
"""

import os
import queue
import sys
import threading
import time

sys.path.insert(0, sys.argv[2])

from ministack.core.lambda_runtime import ProvidedWorker


class Slow(queue.Queue):
    """As if the reading thread got the processor seldom."""

    def put_nowait(self, line):
        time.sleep(0.05)
        super().put_nowait(line)


if sys.argv[1] == "shimmed":
    from shims import function_logs

    function_logs.install()
reader, writer = os.pipe()
os.write(writer, b"one\ntwo\nthree\n")
worker = ProvidedWorker.__new__(ProvidedWorker)
worker.func_name = "noisy"
worker._stderr_queue = Slow()
pump = threading.Thread(target=worker._pump_output, args=(os.fdopen(reader, "rb"), worker._stderr_queue), daemon=True)
pump.start()
while worker._stderr_queue.empty():
    time.sleep(0.001)
print(" ".join(worker._drain_stderr_bounded().split()))
