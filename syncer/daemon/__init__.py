"""The daemon: clock (APScheduler), workers, web, in one process."""

from syncer.daemon.service import serve

__all__ = ["serve"]
