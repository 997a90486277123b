"""Tells systemd how we are (sd_notify(3)); without systemd it is silent."""

from __future__ import annotations

import contextlib
import os
import socket


def notify(said: str) -> None:
    """Send one message, such as "READY=1", to the socket systemd named."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address:
        return
    path = "\0" + address[1:] if address.startswith("@") else address
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as to:
        to.connect(path)
        to.send(said.encode())


def watchdog() -> float | None:
    """Return the seconds between signs of life that systemd wants, None where it wants none."""
    said = os.environ.get("WATCHDOG_USEC", "")
    mine = os.environ.get("WATCHDOG_PID", str(os.getpid())) == str(os.getpid())
    return int(said) / 2_000_000 if said.isdigit() and int(said) > 0 and mine else None
