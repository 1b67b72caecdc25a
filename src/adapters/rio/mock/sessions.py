"""The sessions of SOAP callers: a token each, for a fixed time; all end when the mock restarts."""

import secrets
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from adapters.rio.mock.contract import Values, in_utc
from adapters.rio.mock.operations import Refused


@dataclass
class Sessions:
    """Who may authenticate (`users`: password by name; `devices`: tokens), and the ends of the tokens given out."""

    users: dict[str, str]
    devices: frozenset[str]
    lifetime: timedelta
    _ends: dict[str, datetime] = field(default_factory=dict)
    _revoked: set[str] = field(default_factory=set)

    def begin(self, given: Values, now: datetime) -> Values:
        """Raises Refused when the caller is not known."""
        if given["authenticationType"] == "DEVICE":
            if given.get("token") not in self.devices:
                raise Refused("DEVICE_NOT_REGISTERED", "token must be that of a registered device.", "token")
        else:
            held = self.users.get(given.get("userName", ""))
            if held is None or not secrets.compare_digest(held.encode(), given.get("password", "").encode()):
                raise Refused("NOT_AUTHENTICATED", "userName and password do not fit.", "userName")
        token, ends = secrets.token_urlsafe(24), now + self.lifetime
        self._ends[token] = ends
        return {"Token": token, "ExpiresAt": in_utc(ends), "LifetimeSeconds": int(self.lifetime.total_seconds())}

    def check(self, token: str | None, now: datetime) -> None:
        """Raises Refused unless the token is of a session that goes on."""
        if token in self._revoked:
            raise Refused("SESSION_REVOKED", "The session was revoked: authenticate again.", "Token")
        if token is None:
            raise Refused("NOT_AUTHENTICATED", "Send the Token of Authenticate in the header Authentication.", "Token")
        if token not in self._ends or self._ends[token] <= now:
            raise Refused("SESSION_EXPIRED", "The session is over: authenticate again.", "Token")

    def expire(self, token: str | None) -> None:
        self._ends.pop(token or "", None)

    def revoke(self, token: str | None) -> None:
        self._revoked.add(token or "")
