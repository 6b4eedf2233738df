"""How a child learns that its parent is gone, whatever ended it.

Two ways that do not depend on each other: the kernel's parent-death signal, and a pipe whose other end
only the parent holds.
"""

import ctypes
import os
import signal
import threading
from typing import Final

_PR_SET_PDEATHSIG: Final = 1
LIFELINE_VARIABLE: Final = "JAZZAAM_LIFELINE_FD"
"""Tells a child which descriptor to watch; a number, nothing secret."""


def die_with_parent(parent: int) -> None:
    """Ask the kernel to kill this process when the *thread* that forked it ends.

    Called in the child between fork and exec, by a parent that forks from its main thread.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)


def watch_lifeline() -> None:
    """End this process as soon as the parent's end of the pipe closes; nothing without one."""
    descriptor = os.environ.get(LIFELINE_VARIABLE)
    if descriptor is None:
        return
    threading.Thread(target=_wait, args=(int(descriptor),), daemon=True, name="lifeline").start()


def _wait(descriptor: int) -> None:
    try:
        os.read(descriptor, 1)
    except OSError:
        return  # there is no pipe: the variable was inherited from somewhere else
    os.kill(os.getpid(), signal.SIGKILL)
