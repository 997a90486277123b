"""From a config to what a run needs: rules, connections, people."""

from __future__ import annotations

from collections.abc import Collection

from syncer import plugins
from syncer.config import Config, Sync, Where
from syncer.engine.state import Disclosure, FieldRule, Limits, Rules, Scope
from syncer.errors import ConfigError
from syncer.opening import Spoke, Wiring
from syncer.store import Store


def sync_named(config: Config, name: str | None) -> Sync:
    """Return the sync to run: *name*, or the only one there is."""
    if name is None:
        if len(config.syncs) == 1:
            return next(iter(config.syncs.values()))
        known = ", ".join(sorted(config.syncs)) or "none"
        raise ConfigError("say which sync", file=str(config.file), key="syncs", fix=f"There are: {known}; or --all.")
    if name not in config.syncs:
        known = ", ".join(sorted(config.syncs)) or "none"
        raise ConfigError(f'no sync "{name}"', file=str(config.file), key="syncs", fix=f"There are: {known}.")
    return config.syncs[name]


def open_store(config: Config) -> Store:
    """Open the configured database. Raises `StoreError`, or `ConfigError` for a key that cannot be had."""
    key = None
    if config.store.key is not None:
        key = config.secret(config.store.key, "store", "key").get_secret_value().encode()
    url = config.store.url
    if not url.startswith("sqlite:"):
        raise ConfigError(
            "only SQLite is supported yet.",
            file=str(config.file),
            key="store.url",
            fix='Say url = "sqlite:///syncer.db".',
        )
    if url.startswith("sqlite:///") and not url.startswith("sqlite:////"):
        url = f"sqlite:///{(config.base / url.removeprefix('sqlite:///')).resolve()}"
    return Store.open(url, key=key)


def wire(config: Config, sync: Sync) -> Wiring:
    """Return one sync ready to run; secrets of its connections are resolved now."""
    config = config.unlocked(sync.connections)
    spokes = tuple(
        Spoke(
            name=name,
            connect=plugins.plugin(config.connections[name].connector).connect,
            options=config.connections[name].options,
            tables=config.connections[name].tables,
            abilities=plugins.plugin(config.connections[name].connector).abilities,
            version=plugins.plugin(config.connections[name].connector).version,
        )
        for name in sync.connections
    )
    return Wiring(
        rules=rules_of(config, sync),
        spokes=spokes,
        people=config.people,
        settle_wait=sync.settle_wait,
        file=str(config.file),
        redact=sync.disclose.redact if sync.disclose is not None else (),
    )


def rules_of(config: Config, sync: Sync) -> Rules:
    """Return the engine's rules for a sync."""
    disclosure = None
    if sync.disclose is not None:
        disclosure = Disclosure(
            to=frozenset(sync.disclose.to),
            comments=sync.disclose.comments,
            labels=sync.disclose.labels,
            attachments=sync.disclose.attachments,
        )
    return Rules(
        sync=sync.name,
        connections=tuple(sync.connections),
        conflicts=sync.conflicts,
        on_link=sync.on_link,
        on_gone=sync.on_gone,
        create_from=frozenset(sync.create.from_),
        create_in=frozenset(sync.create.in_),
        match=sync.match,
        fields={
            name: FieldRule(
                owner=p.owner,
                set_once=p.set_once,
                skip=p.skip,
                only=p.only or (),
                ignore=p.ignore,
                conflicts=p.conflicts,
            )
            for name, p in sync.fields.items()
        },
        limits=Limits(**sync.limits.model_dump()),
        scope=_scope(sync.where),
        scopes={n: _scope(config.connections[n].where) for n in sync.connections},
        comments=sync.comments is not False and not sync.policy("comments").skip,
        backfill=sync.comments is not False and sync.comments.backfill,
        deletions=sync.comments.deletions if sync.comments is not False else "keep",
        disclosure=disclosure,
    )


def _scope(where: Where) -> Scope:
    def chosen(values: Collection[str] | None) -> frozenset[str]:
        return frozenset(values or ())

    return Scope(
        kind=chosen(where.kind),
        labels=chosen(where.labels),
        authors=chosen(where.authors),
        status=chosen(where.status),
        priority=chosen(where.priority),
        assignees=chosen(where.assignees),
    )
