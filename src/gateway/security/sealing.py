"""What is kept in the database and must not be read from it: encrypted with a key of this gateway's secret."""

import hashlib
import hmac

from joserfc import jwe
from joserfc.errors import JoseError
from joserfc.jwk import OctKey

HEADER = {"alg": "dir", "enc": "A256GCM"}


class Seal:
    """Encrypts short texts (JWE, RFC 7516). All processes with the same secret read what one of them has sealed."""

    def __init__(self, secret: str) -> None:
        self._key = OctKey.import_key(hmac.digest(secret.encode(), b"sealed in the database", hashlib.sha256))

    def close(self, text: str) -> str:
        return jwe.encrypt_compact(HEADER, text.encode(), self._key)

    def open(self, sealed: str) -> str | None:
        """The text; None when it was sealed with another secret, or changed."""
        try:
            plaintext = jwe.decrypt_compact(sealed, self._key).plaintext
        except (JoseError, ValueError):
            return None
        return (plaintext or b"").decode()
