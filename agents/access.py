"""How we get in: the TLS files and credentials of Kafka and Redis, and the clients' options made of them.

Where they come from is in `agents/access_settings.py`. No repr, message or log line shows a secret.
"""

import ssl
from typing import Any

from msgspec import Struct

PROTOCOLS = ("PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL")
MECHANISMS = ("SCRAM-SHA-512", "SCRAM-SHA-256", "PLAIN")


class Secret(Struct, frozen=True):
    """A text that no log line, message or repr shows."""

    text: str

    def __repr__(self) -> str:
        return "Secret(…)"


class Tls(Struct, frozen=True):
    """Files in PEM format, empty where there is none; without `cafile`, whom this machine trusts is trusted."""

    cafile: str = ""
    certfile: str = ""
    keyfile: str = ""
    key_password: Secret | None = None

    def context(self) -> ssl.SSLContext:
        """For a client: the server's certificate and name are always verified.

        Raises:
            OSError: a file can't be read, or holds no certificate or key (`ssl.SSLError`).
        """
        context = ssl.create_default_context(cafile=self.cafile or None)
        if self.certfile:
            # A callable: without a password, OpenSSL would ask for one at the terminal.
            context.load_cert_chain(self.certfile, self.keyfile, lambda: _text(self.key_password) or "")
        return context


class KafkaAccess(Struct, frozen=True, kw_only=True):
    """What Kafka's clients call `security_protocol` and so on; PLAINTEXT, nobody in particular, unless told."""

    protocol: str = "PLAINTEXT"
    mechanism: str = ""
    username: str = ""
    password: Secret | None = None
    tls: Tls = Tls()

    @property
    def has_tls(self) -> bool:
        """Whether the connection is encrypted."""
        return self.protocol.endswith("SSL")

    @property
    def has_sasl(self) -> bool:
        """Whether a user logs in."""
        return self.protocol.startswith("SASL")

    def options(self) -> dict[str, Any]:
        """As aiokafka's clients take it."""
        options: dict[str, Any] = {"security_protocol": self.protocol} if self.protocol != PROTOCOLS[0] else {}
        if self.has_tls:
            options["ssl_context"] = self.tls.context()
        if self.has_sasl:
            options["sasl_mechanism"] = self.mechanism
            options["sasl_plain_username"] = self.username
            options["sasl_plain_password"] = _text(self.password)
        return options


class RedisAccess(Struct, frozen=True, kw_only=True):
    """What isn't in the URL: whose scheme, `rediss://`, asks for TLS."""

    username: str = ""
    password: Secret | None = None
    tls: Tls = Tls()

    def options(self) -> dict[str, Any]:
        """As redis-py's clients take it, beside the URL."""
        options: dict[str, Any] = {}
        if self.password:
            options |= {"username": self.username or None, "password": self.password.text}
        files = {
            "ssl_ca_certs": self.tls.cafile,
            "ssl_certfile": self.tls.certfile,
            "ssl_keyfile": self.tls.keyfile,
            "ssl_password": _text(self.tls.key_password),
        }
        return options | {name: value for name, value in files.items() if value}


def _text(secret: Secret | None) -> str | None:
    return secret.text if secret else None
