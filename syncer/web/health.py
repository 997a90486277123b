"""Whether the daemon lives and does its work, for whoever restarts it or sends it requests."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import JSONResponse

from syncer.web.house import House


class Doctor:
    """Answers `/healthz` (is it better left running?) and `/readyz` (does it do its work?): 200 or 503."""

    def __init__(self, house: House) -> None:
        self._house = house

    async def alive(self, _: Request) -> JSONResponse:
        health = self._house.health()
        return _answer(ok=health.alive, why=health.why)

    async def ready(self, _: Request) -> JSONResponse:
        health = self._house.health()
        return _answer(ok=health.ready, why=health.why)


def _answer(*, ok: bool, why: tuple[str, ...]) -> JSONResponse:
    return JSONResponse({"ok": True}) if ok else JSONResponse({"ok": False, "why": list(why)}, 503)
