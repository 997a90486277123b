"""How Linear refuses: GraphQL errors with `extensions`, mostly on HTTP 200."""

from __future__ import annotations

from typing import Any

from graphql import GraphQLError

Body = dict[str, Any]


def refused(message: str, shown: str = "", **extensions: Any) -> GraphQLError:  # noqa: ANN401 -- the JSON border
    """Return the error for an input Linear will not take."""
    return GraphQLError(
        message,
        extensions={
            "type": "invalid input",
            "code": "INPUT_ERROR",
            "statusCode": 400,
            "userError": True,
            "userPresentableMessage": shown or message,
            **extensions,
        },
    )


def unknown(entity: str) -> GraphQLError:
    """Return the answer for what is not there and for what may not be seen."""
    return refused(f"Entity not found: {entity}", f"Could not find referenced {entity}.")


def conflict(entity: str, id_: str) -> GraphQLError:
    return refused(f"conflict on insert of {entity}", f"Entity {entity} with id {id_} already exists.")


def forbidden(shown: str) -> GraphQLError:
    return refused("forbidden", shown, type="forbidden", code="FORBIDDEN", statusCode=403)


def invalid(argument: str, constraint: str) -> GraphQLError:
    return refused(
        "Argument Validation Error",
        f"{argument} {constraint}.",
        code="INVALID_INPUT",
        validationErrors=[{"property": argument, "constraints": {"rule": f"{argument} {constraint}"}}],
    )


def body(message: str, kind: str, code: str, status: int, shown: str = "") -> Body:
    """Return a whole answer that is refused before the query is looked at."""
    extensions = {"type": kind, "code": code, "statusCode": status, "userError": True}
    shown_too = {"userPresentableMessage": shown} if shown else {}
    return {"errors": [{"message": message, "extensions": {**extensions, **shown_too}}]}


NOT_AUTHENTICATED = body(
    "Authentication required, not authenticated",
    "authentication error",
    "AUTHENTICATION_ERROR",
    401,
    "You need to authenticate to access this operation.",
)
KEY_AS_BEARER = body(
    "It looks like you're trying to use an API key as a Bearer token.", "invalid input", "INPUT_ERROR", 400
)
TOO_COMPLEX = body("Query too complex", "invalid input", "INPUT_ERROR", 400, "The query is too complex.")
RATE_LIMITED = body("Rate limit exceeded", "ratelimited", "RATELIMITED", 429, "Rate limit exceeded.")
