"""The child process of the `llamacpp` engine: llama.cpp's server and nothing else.

A failed assertion in native code ends this process, not the one that serves the page. It reads
one line of JSON from its input, writes the address it listens on as one line to its output, and
ends as soon as its input closes or its parent is gone.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from typing import Any


def main() -> None:
    """Serve until the parent lets go."""
    order = json.loads(sys.stdin.readline())
    threading.Thread(target=_end_with_input, daemon=True).start()
    server = _serve(order)
    print(server.listening_address, flush=True)  # noqa: T201 - the parent reads it
    parent = os.getppid()
    while os.getppid() == parent:  # another process may hold the input open
        time.sleep(1)
    os._exit(0)


def _end_with_input() -> None:
    sys.stdin.buffer.read()
    os._exit(0)


def _serve(order: dict[str, Any]) -> Any:
    import xllamacpp

    params = xllamacpp.CommonParams()
    params.model.path, params.mmproj.path = order["gguf"], order["mmproj"]
    params.model_alias = {order["alias"]}
    params.n_parallel = order["slots"]
    params.n_ctx = order["context"] * order["slots"]  # llama.cpp divides it among the slots
    if order["threads"]:
        params.cpuparams.n_threads = params.cpuparams_batch.n_threads = order["threads"]
    params.hostnames, params.port = ["127.0.0.1"], 0
    params.api_keys, params.cors_origins = [order["key"]], ""  # else any web page could use it
    params.endpoint_slots = params.endpoint_metrics = params.ui = False
    params.cache_ram_mib = 512  # 8 GiB by default
    params.verbosity = 1  # errors, so that the parent learns why a file cannot be loaded
    return xllamacpp.Server(params)


if __name__ == "__main__":
    main()
