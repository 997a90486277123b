"""A small, honest Pinboard for tests: it keeps cards, refuses what the real one refuses, and shows nothing else."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from syncer.sdk.postman import Letter, Postman
from syncer.sdk.sandbox import Wire

BOT = "p-bot"
COLUMNS = ("Ideas", "Next", "Doing", "Done", "Dropped")
PEOPLE = {"jane": "p-jane", "omar": "p-omar"}
TOKEN = "pinboard-token"  # noqa: S105 -- opens nothing but this sandbox
OURS = {"title": "title", "body": "text", "status": "column", "labels": "labels", "assignees": "people", "due": "due"}
"""The model's fields by Pinboard's names, for what people do here."""
HOURLY = 5_000
Card = dict[str, Any]


def _now() -> datetime:
    return datetime.now(UTC)


class Refusal(Exception):  # noqa: N818 -- what it is
    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class PinboardSandbox:
    """People act by the methods of `syncer.sdk.sandbox.Sandbox`, the connector by `wire`."""

    people: Mapping[str, str] = PEOPLE

    def __init__(self, *, clock: Callable[[], datetime] | None = None, may_write: bool = True) -> None:
        self._clock = clock or _now
        self._may_write = may_write
        self._cards: dict[str, Card] = {}
        self._hooks: dict[str, dict[str, str]] = {}
        self._change = self._number = 0
        self.post = Postman()
        app = Starlette(
            routes=[
                Route("/boards/roadmap", self._answer(self._board)),
                Route("/boards/roadmap/changes", self._answer(self._changes)),
                Route("/boards/roadmap/cards", self._answer(self._asked)),
                Route("/boards/roadmap/cards", self._answer(self._create), methods=["POST"]),
                Route("/cards/{id}", self._answer(self._update), methods=["PATCH"]),
                Route("/cards/{id}/comments", self._answer(self._speak), methods=["POST"]),
                Route("/comments/{id}", self._answer(self._reword), methods=["PATCH"]),
                Route("/comments/{id}", self._answer(self._unspeak), methods=["DELETE"]),
                Route("/boards/roadmap/hooks", self._answer(self._registered)),
                Route("/boards/roadmap/hooks", self._answer(self._register), methods=["POST"]),
                Route("/hooks/{id}", self._answer(self._unregister), methods=["DELETE"]),
            ]
        )
        self.wire = Wire(
            app,
            is_write=lambda call: call.method != "GET",
            limited=lambda: (429, {"Retry-After": "30"}, {"message": "slow down"}),
        )

    def options(self, url: str) -> dict[str, Any]:
        return {"connector": "pinboard", "url": url, "board": "roadmap", "token": TOKEN}

    # -- people at work ----------------------------------------------------------------------

    def add(self, title: str, *, by: str = "jane", **fields: Any) -> str:  # noqa: ANN401 -- per field
        return str(self._made(self._native({"title": title, **fields}), PEOPLE[by])["id"])

    def edit(self, key: str, *, by: str = "jane", **fields: Any) -> None:  # noqa: ANN401 -- per field
        self._put(self._there(key), self._native(fields))

    def say(self, key: str, body: str, *, by: str = "jane", restricted: bool = False) -> str:
        if restricted:
            raise ValueError("Pinboard has no restricted comments")
        return str(self._said(self._there(key), body, PEOPLE[by])["id"])

    def reword(self, comment: str, body: str, *, by: str | None = None) -> None:
        card, said = self._comment(comment)
        said.update(text=body, changed=self._touch(card, comment))

    def unsay(self, comment: str) -> None:
        card, said = self._comment(comment)
        card["comments"].remove(said)
        self._touch(card, comment)

    def remove(self, key: str) -> None:
        card = self._there(key)
        card["deleted"] = True
        self._touch(card)

    def archive(self, key: str) -> None:
        raise TypeError("Pinboard has no archive")

    def restore(self, key: str) -> None:
        raise TypeError("what Pinboard deleted is gone")

    def move(self, key: str) -> str:
        raise TypeError("a card stays on its board")

    def hide(self, key: str) -> None:
        raise TypeError("a board shows all its cards or none")

    def keys(self) -> Sequence[str]:
        return [id_ for id_, card in self._cards.items() if not card["deleted"]]

    def show(self, key: str) -> dict[str, Any]:
        card, names = self._cards[key], {id_: name for name, id_ in {**PEOPLE, "bot": BOT}.items()}
        shown = {ours: card[theirs] for ours, theirs in OURS.items()}
        said = [{"id": s["id"], "author": names[s["by"]], "body": s["text"]} for s in card["comments"]]
        people, labels = sorted(names[p] for p in card["people"]), sorted(card["labels"])
        more = {"assignees": people, "labels": labels, "by": names[card["by"]], "url": card["url"]}
        return {**shown, **more, "comments": said}

    def _native(self, fields: Mapping[str, Any]) -> dict[str, Any]:
        """Return fields of the model in Pinboard's names. `created` is the test's way to make old cards."""
        native = {OURS.get(name, name): value for name, value in fields.items()}
        if "people" in native:
            native["people"] = [PEOPLE[name] for name in native["people"]]
        return native

    # -- the API -----------------------------------------------------------------------------

    def _answer(self, act: Callable[[Request, Any], Any]) -> Callable[[Request], Any]:
        async def answer(request: Request) -> Response:
            hour = int(self._clock().timestamp()) // 3600
            left = max(0, HOURLY - len(self.wire.calls))
            headers = {"X-Limit": str(HOURLY), "X-Left": str(left), "X-Reset": str((hour + 1) * 3600)}
            if request.headers.get("authorization") != f"Bearer {TOKEN}":
                return JSONResponse({"message": "who are you?"}, 401, headers)
            if request.method != "GET" and not self._may_write:
                return JSONResponse({"message": "this token only reads"}, 403, headers)
            try:
                body = await request.json() if await request.body() else {}
                return JSONResponse(act(request, body), 200, headers)
            except Refusal as refusal:
                return JSONResponse({"message": str(refusal)}, refusal.status, headers)

        return answer

    def _board(self, request: Request, _: object) -> Any:  # noqa: ANN401 -- any JSON
        everybody = {**PEOPLE, "bot": BOT}.items()
        people = [{"id": id_, "name": name, "email": f"{name}@acme.example"} for name, id_ in everybody]
        about = {"name": "Roadmap", "url": f"{request.base_url}roadmap", "public": False, "me": BOT}
        return {**about, "may_write": self._may_write, "columns": COLUMNS, "people": people}

    def _changes(self, request: Request, _: object) -> Any:  # noqa: ANN401 -- any JSON
        since, limit = int(request.query_params["since"]), int(request.query_params["limit"])
        cards = sorted((c for c in self._cards.values() if not c["deleted"]), key=lambda c: int(c["change"]))
        later = [c for c in cards if c["change"] > since]
        page = later[:limit]
        until = page[-1]["change"] if page else since
        return {"cards": page, "until": until, "more": len(later) > len(page)}

    def _asked(self, request: Request, _: object) -> Any:  # noqa: ANN401 -- any JSON
        external = request.query_params.get("external")
        if external is not None:
            return {"cards": [c for c in self._cards.values() if c["external"] == external and not c["deleted"]]}
        asked = [self._cards[id_] for id_ in request.query_params["ids"].split(",") if id_ in self._cards]
        return {"cards": [{"id": c["id"], "deleted": True} if c["deleted"] else c for c in asked]}

    def _create(self, _: Request, body: Any) -> Any:  # noqa: ANN401 -- any JSON
        return self._made(body, BOT)

    def _update(self, request: Request, body: Any) -> Any:  # noqa: ANN401 -- any JSON
        return self._put(self._there(request.path_params["id"]), body)

    def _speak(self, request: Request, body: Any) -> Any:  # noqa: ANN401 -- any JSON
        card = self._there(request.path_params["id"])
        return {"comment": self._said(card, body["text"], BOT, body["external"]), "card": card}

    def _reword(self, request: Request, body: Any) -> Any:  # noqa: ANN401 -- any JSON
        card, said = self._comment(request.path_params["id"])
        if said["by"] != BOT:
            raise Refusal(403, "not yours")
        said.update(text=body["text"], changed=self._touch(card, said["id"]))
        return {"comment": said, "card": card}

    def _unspeak(self, request: Request, _: object) -> Any:  # noqa: ANN401 -- any JSON
        self.unsay(request.path_params["id"])
        return {}

    def _registered(self, _: Request, __: object) -> Any:  # noqa: ANN401 -- any JSON
        return {"hooks": [{"id": id_, "url": hook["url"]} for id_, hook in self._hooks.items()]}

    def _register(self, _: Request, body: Any) -> Any:  # noqa: ANN401 -- any JSON
        id_ = self._id("h")
        self._hooks[id_] = {"url": body["url"], "secret": body["secret"]}
        return {"id": id_, "url": body["url"]}

    def _unregister(self, request: Request, _: object) -> Any:  # noqa: ANN401 -- any JSON
        if self._hooks.pop(request.path_params["id"], None) is None:
            raise Refusal(404, "no such webhook")
        return {}

    # -- what is kept ------------------------------------------------------------------------

    def _made(self, given: Mapping[str, Any], by: str) -> Card:
        id_, now = self._id("c"), self._clock().isoformat()
        blank: Card = {"title": "", "text": None, "column": COLUMNS[0], "labels": [], "people": [], "due": None}
        about = {"id": id_, "url": f"https://pinboard.example/{id_}", "by": by, "deleted": False, "comments": []}
        card: Card = {**blank, **about, "created": now, "external": None}
        self._put(card, {"title": "", **given})
        self._cards[id_] = card
        return card

    def _put(self, card: Card, given: Mapping[str, Any]) -> Card:
        """Change what is named, all or nothing; lists are replaced, or added to and taken from."""
        after = dict(card)
        for name, value in given.items():
            if isinstance(value, dict):
                kept = [n for n in card[name] if n not in value["remove"]]
                after[name] = kept + [n for n in value["add"] if n not in kept]
            else:
                after[name] = value.isoformat() if isinstance(value, datetime) else value
        if not after["title"] or len(after["title"]) > 200:  # noqa: PLR2004 -- the tracker's own
            raise Refusal(422, "a card has a title of 1 to 200 characters")
        if len(after["text"] or "") > 20_000:  # noqa: PLR2004 -- the tracker's own
            raise Refusal(422, "the text is too long")
        if after["column"] not in COLUMNS or not {*after["people"]} <= {*PEOPLE.values(), BOT}:
            raise Refusal(422, "no such column or person")
        card.update(after)
        self._touch(card)
        return card

    def _id(self, kind: str) -> str:
        self._number += 1
        return f"{kind}{self._number}"

    def _touch(self, card: Card, comment: str | None = None) -> str:
        """Number and stamp a change, and tell the webhooks of it."""
        self._change += 1
        card.update(change=self._change, changed=self._clock().isoformat())
        for hook in self._hooks.values():
            news = {"id": f"d{self._change}", "event": "card.changed", "board": "roadmap", "card": card["id"]}
            sent = int(self._clock().timestamp() * 1000)
            body = json.dumps({**news, "comment": comment, "sent": sent}).encode()
            signature = hmac.new(hook["secret"].encode(), body, hashlib.sha256).hexdigest()
            self.post.post(Letter(hook["url"], {"Pinboard-Signature": signature}, body))
        return str(card["changed"])

    def _there(self, key: str) -> Card:
        if key not in self._cards or self._cards[key]["deleted"]:
            raise Refusal(404, "no such card")
        return self._cards[key]

    def _said(self, card: Card, text: str, by: str, external: str | None = None) -> dict[str, Any]:
        id_ = self._id("s")
        now = self._touch(card, id_)
        said = {"id": id_, "text": text, "by": by, "external": external, "created": now, "changed": now}
        card["comments"].append(said)
        return said

    def _comment(self, comment: str) -> tuple[Card, dict[str, Any]]:
        found = ((c, s) for c in self._cards.values() for s in c["comments"] if s["id"] == comment and not c["deleted"])
        if (first := next(found, None)) is None:
            raise Refusal(404, "no such comment")
        return first
