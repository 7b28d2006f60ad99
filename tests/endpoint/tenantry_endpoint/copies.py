"""A second endpoint that begins with all that this one has: a fork of it, at a port of its own. Nobody may be using this one
meanwhile: of its threads the copy has none."""

from __future__ import annotations

import os
import stat
import traceback
from pathlib import Path
from typing import Callable

_serve: Callable[[Path], None] | None = None


def of(serve: Callable[[Path], None]) -> None:
    """Say how a copy serves, once it is one; it is given the file for its port."""
    global _serve
    _serve = serve


def make(port_file: Path) -> int:
    """The pid of a new copy."""
    assert _serve is not None
    pid = os.fork()
    if pid:
        return pid
    try:
        _close_sockets()
        _serve(port_file)
    except BaseException:  # whatever ends it must be seen before the process goes
        traceback.print_exc()
    finally:
        os._exit(1)


def _close_sockets() -> None:
    """Leave the original its ports and connections. The numbers stay in use: objects here will close them."""
    nothing = os.open(os.devnull, os.O_RDWR)
    for number in [int(name) for name in os.listdir("/proc/self/fd")]:
        try:
            if stat.S_ISSOCK(os.fstat(number).st_mode):
                os.dup2(nothing, number)
        except OSError:  # what listed them
            continue
