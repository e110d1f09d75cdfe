"""Prepaid credits for a Streamlit app.

:func:`scrip_login` shows Scrip's widget, in which a visitor logs in and buys what opens a service, and returns what the
service is asked with::

    login = scrip_login(did="did:nv:5a06…", server="https://scrip.example")
    if login:
        requests.post(f"{login.proxy_url}/ask", json={"q": "…"}, headers=login.headers)
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import streamlit.components.v1 as components

__all__ = ["Login", "scrip_login"]

_widget = components.declare_component("scrip_login", path=str(Path(__file__).parent / "frontend"))


@dataclass(frozen=True)
class Login:
    """A visitor who may ask the service, by the word of its browser: one that has logged in, and has credits or access.

    Whether that is so is known when the service has answered: the gateway looks at the token, and a browser can say anything.
    """

    token: str = field(repr=False)
    """The access token: whoever has it asks at this visitor's cost, until it ends. Keep it in the session, and log it nowhere."""

    proxy_url: str
    """Where the service is asked: its paths come behind this, ``/ask`` for example."""

    @property
    def headers(self) -> dict[str, str]:
        """The header that a request carries."""
        return {"Authorization": f"Bearer {self.token}"}


def scrip_login(did: str, server: str | None = None, *, height: int = 180, key: str | None = None) -> Login | None:
    """Show the widget of a service; who is logged in there and may ask, or ``None``.

    The app runs again when that changes: when the visitor has logged in and bought, when the token was renewed, which happens
    before it ends, and when the visitor logs out. Nothing is polled.

    :param did: The service, ``did:nv:…``, as "See the Agent" shows it.
    :param server: Where the Scrip server is, ``https://scrip.example``; by default what ``SCRIP_SERVER`` in the environment
        says. The service's owner must have allowed the origin of this app there.
    :param height: How high the widget is until it says so itself, in pixels.
    :param key: What Streamlit knows this element by, where an app has several.
    :raises ValueError: When ``server`` is no URL of a server, or ``did`` names no service.
    """
    server = os.environ.get("SCRIP_SERVER", "") if server is None else server
    place = urlsplit(server)
    if place.scheme not in ("http", "https") or not place.netloc or place.path.strip("/") or place.query:
        raise ValueError(f"server is {server!r}, and must be an origin such as https://scrip.example (or set SCRIP_SERVER)")
    service = re.fullmatch(r"did:nv:(?:0x)?([0-9a-fA-F]{64})", did)
    if service is None:
        raise ValueError(f"did is {did!r}, and must be did:nv: and 64 hex digits")
    origin = f"{place.scheme}://{place.netloc}"
    value = _widget(did=did, server=origin, height=height, key=key, default=None)
    token = value.get("accessToken") if isinstance(value, dict) else None
    # No more than a header's value: all of this comes from the visitor's browser.
    if not isinstance(token, str) or not re.fullmatch(r"[!-~]+", token):
        return None
    # Nor is a URL taken from there: this process would ask it, wherever it is.
    return Login(token=token, proxy_url=f"{origin}/proxy/0x{service[1]}")
