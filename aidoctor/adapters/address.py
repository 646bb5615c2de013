"""Whether an engine's address is on this machine."""

from __future__ import annotations

from ipaddress import ip_address
from urllib.parse import urlsplit


def is_loopback(address: str) -> bool:
    """True for `localhost`, 127.0.0.0/8 and ::1; names are not looked up."""
    if "@" in address or "\\" in address:  # parsers differ on which part is the host
        return False
    try:
        host = urlsplit(with_scheme(address)).hostname or ""
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def with_scheme(address: str) -> str:
    """`127.0.0.1:11434` means `http://127.0.0.1:11434`."""
    return address if "://" in address else f"http://{address}"
