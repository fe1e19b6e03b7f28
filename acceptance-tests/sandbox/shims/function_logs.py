"""Lambda: what a custom runtime has written before its answer is in the invocation's log, however busy the machine is.

ministack gives the thread that reads the runtime's output 5 ms after the first line; lines that come later are lost unless
the function is called again.
"""

import array
import fcntl
import os
import queue
import select
import termios
import time

from .patch import replace

LONGEST_WAIT = 10.0


def install():
    from ministack.core.lambda_runtime import ProvidedWorker

    def pump(_original):
        def run(self, stream, lines):
            """Like ministack's, but tells when it holds bytes that are not in the queue yet."""
            reading = Reading(stream.fileno())
            self._reading = reading
            rest = b""
            # Not `select`, which knows no descriptors above 1,023.
            ready = select.poll()
            ready.register(reading.fd, select.POLLIN)
            try:
                while True:
                    ready.poll()
                    reading.busy = True
                    data = os.read(reading.fd, 65536)
                    *whole, rest = (rest + data).split(b"\n")
                    if not data and rest:
                        whole, rest = [rest], b""
                    for line in whole:
                        put(lines, line.decode("utf-8", errors="replace").rstrip("\r"))
                    reading.busy = False
                    if not data:
                        return
            finally:
                reading.done = True
                stream.close()
        return run

    def put(lines, line):
        """When the queue is full, the oldest line goes: waiting would stall the function's next write."""
        while True:
            try:
                return lines.put_nowait(line)
            except queue.Full:
                try:
                    lines.get_nowait()
                except queue.Empty:
                    pass

    def drain(original):
        def run(self, *arguments, **options):
            reading = getattr(self, "_reading", None)
            limit = time.monotonic() + LONGEST_WAIT
            while reading and reading.pending() and time.monotonic() < limit:
                time.sleep(0.001)
            return original(self, *arguments, **options)
        return run

    replace(ProvidedWorker, "_pump_output", pump)
    replace(ProvidedWorker, "_drain_stderr_bounded", drain)


class Reading:
    """How far the pump of one process has come."""

    def __init__(self, fd):
        self.fd, self.busy, self.done = fd, False, False

    def pending(self):
        """Asks the pipe first: what has left it since is told by `busy`, which is set before a read."""
        if self.done:
            return False
        size = array.array("i", [0])
        try:
            fcntl.ioctl(self.fd, termios.FIONREAD, size)
        except (OSError, ValueError):
            return False
        return size[0] > 0 or self.busy
