"""Whether an engine's address is on this machine."""

from __future__ import annotations

from ipaddress import ip_address

import httpx


def is_loopback(address: str) -> bool:
    """True for `localhost`, 127.0.0.0/8 and ::1; names are not looked up."""
    try:
        host = httpx.URL(with_scheme(address)).host
        return host == "localhost" or ip_address(host).is_loopback
    except (ValueError, httpx.InvalidURL):
        return False


def with_scheme(address: str) -> str:
    """`127.0.0.1:11434` means `http://127.0.0.1:11434`."""
    return address if "://" in address else f"http://{address}"
