"""Memory: the only SQL. SQLAlchemy Core over SQLite or PostgreSQL."""

from syncer.store.database import Store

__all__ = ["Store"]
