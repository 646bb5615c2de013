"""The child process in which pictures are decoded: `python -P -B -m aidoctor.imaging.worker`.

It reads one file after the other from its standard input and ends with it, so it never outlives
its parent; should the parent die while a decoder hangs, its own clock ends it. Where the system
can, it may not write files, dump its memory or grow by more than the head room it was given.
"""

from __future__ import annotations

import contextlib
import faulthandler
import sys
from pathlib import Path

from aidoctor.domain import CleanImage
from aidoctor.errors import ImageError
from aidoctor.imaging import wire

_STATM = Path("/proc/self/statm")


def main(headroom: int, seconds: float) -> None:
    """Serve until the input ends, with `headroom` bytes to grow by and `seconds` for each file."""
    from aidoctor.imaging.clean import clean

    _confine(headroom)
    with contextlib.suppress(EOFError, BrokenPipeError):
        while True:
            data = wire.receive(sys.stdin.buffer)
            faulthandler.dump_traceback_later(seconds, exit=True)
            result: CleanImage | ImageError
            try:
                result = clean(data)
            except ImageError as error:
                result = error
            faulthandler.cancel_dump_traceback_later()
            wire.send_result(sys.stdout.buffer, result)
            del data, result


def _confine(headroom: int) -> None:
    try:
        import resource
    except ImportError:  # Windows; the parent watches the memory there
        return
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    if _STATM.exists():
        start = int(_STATM.read_text().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (start + headroom, start + headroom))


if __name__ == "__main__":
    main(int(sys.argv[1]), float(sys.argv[2]))
