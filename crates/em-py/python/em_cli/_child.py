"""Becomes a program that ends when the process that started it is gone, as when a notebook's kernel is restarted.

It is run as a file, with the number of that process, the program and its arguments.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys

#: Of ``prctl``: the signal that the kernel sends when the parent ends.
_PR_SET_PDEATHSIG = 1


def main() -> None:
    """Ask for the signal, and become the program."""
    parent, program, *arguments = sys.argv[1:]
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != int(parent):
        # It was gone before it could be asked for.
        sys.exit(1)
    try:
        os.execv(program, ["em-cli", *arguments])
    except OSError as error:
        sys.exit(f"`{program}` cannot be started: {error.strerror}")


if __name__ == "__main__":
    main()
