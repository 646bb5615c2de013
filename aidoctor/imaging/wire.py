"""How the cleaner and its worker speak: frames of a length (4 bytes, big-endian) and its bytes.

A request is one frame, the file. A response is a frame of JSON: `{"width", "height", "notice"}`
followed by two frames, the copy to see and the copy for the model, or `{"error", "detail"}`.
"""

from __future__ import annotations

import json
from typing import BinaryIO

from aidoctor import errors
from aidoctor.domain import CleanImage
from aidoctor.errors import ImageDamaged, ImageError

_MAX_FRAME = 32_000_000


def send(stream: BinaryIO, data: bytes | bytearray) -> None:
    """Write one frame."""
    stream.write(len(data).to_bytes(4, "big"))
    stream.write(data)
    stream.flush()


def receive(stream: BinaryIO) -> bytes:
    """Read one frame; raises `EOFError` where the stream ends, or the frame makes no sense."""
    size = int.from_bytes(_exactly(stream, 4), "big")
    if size > _MAX_FRAME:
        raise EOFError
    return _exactly(stream, size)


def send_result(stream: BinaryIO, result: CleanImage | ImageError) -> None:
    """Write what came of a picture."""
    if isinstance(result, ImageError):
        send(stream, json.dumps({"error": result.code, "detail": result.detail}).encode())
        return
    head = {"width": result.width, "height": result.height, "notice": result.notice}
    send(stream, json.dumps(head).encode())
    send(stream, result.view)
    send(stream, result.model)


def receive_result(stream: BinaryIO) -> CleanImage | ImageError:
    """Read what came of a picture; raises `EOFError` and `ValueError` for what is no result."""
    head = json.loads(receive(stream))
    if "error" in head:
        kind = errors.find(head["error"])
        return (kind if issubclass(kind, ImageError) else ImageDamaged)(str(head["detail"]))
    view, model = receive(stream), receive(stream)
    return CleanImage(view, model, int(head["width"]), int(head["height"]), str(head["notice"]))


def _exactly(stream: BinaryIO, size: int) -> bytes:
    data = stream.read(size)
    if len(data) < size:
        raise EOFError
    return data
