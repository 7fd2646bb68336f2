"""Who may do what: bearer tokens for programs, a cookie with the same token for pages."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

from fastapi import Depends, HTTPException, Request

from honk.server.context import Service
from honk.stores.service import ROLES, Role, TokenInfo

COOKIE = "honk_token"


def service(request: Request) -> Service:
    found: Service = request.app.state.service
    return found


ServiceOf = Annotated[Service, Depends(service)]


def bearer(request: Request) -> TokenInfo | None:
    """Whose token the Authorization header has, or None."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    return service(request).tokens.who(token.strip()) if scheme.lower() == "bearer" else None


def identity(request: Request) -> TokenInfo | None:
    """Whose token came with the request, or None."""
    if request.headers.get("authorization", "").lower().startswith("bearer "):
        return bearer(request)
    token = request.cookies.get(COOKIE, "")
    if token and request.method not in ("GET", "HEAD") and not own_page(request):
        raise HTTPException(403, "A page of another site may not do this.")
    return service(request).tokens.who(token.strip()) if token else None


def own_page(request: Request) -> bool:
    """Whether a form or script of this service's own pages sent it (the Origin header, which
    browsers send with every POST, is this host)."""
    origin = request.headers.get("origin", "")
    return origin.partition("://")[2] == request.headers.get("host", "")


def check_role(found: TokenInfo | None, role: Role) -> TokenInfo:
    """Raises 401 without a token, 403 with one that may not do what needs ``role``."""
    if found is None:
        raise HTTPException(401, "A token is needed.", {"WWW-Authenticate": "Bearer"})
    if ROLES.index(found.role) < ROLES.index(role):
        raise HTTPException(403, f"The token {found.name} is a {found.role}; this needs a {role}.")
    return found


def _needs(role: Role) -> Callable[[Request], TokenInfo]:
    def check(request: Request) -> TokenInfo:  # FastAPI reads the annotations
        return check_role(identity(request), role)

    return check


Viewer = Annotated[TokenInfo, Depends(_needs("viewer"))]
Runner = Annotated[TokenInfo, Depends(_needs("runner"))]
Admin = Annotated[TokenInfo, Depends(_needs("admin"))]
