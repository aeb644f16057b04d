"""Which TLS files and credentials the environment names, checked before anything is opened.

A password is given as it is or, better, as the path of a file, in the variable with `_FILE` behind its name: what
stands in the environment is seen by whoever may look at the process. All that is wrong is told at once, never a secret.
"""

import os
import ssl
from collections.abc import Iterator, Mapping, MutableMapping
from difflib import get_close_matches
from pathlib import Path

from agents.access import MECHANISMS, PROTOCOLS, KafkaAccess, RedisAccess, Secret, Tls

KAFKA_PREFIX = "BELLWETHER_KAFKA_"
REDIS_PREFIX = "BELLWETHER_REDIS_"
_TLS = ("SSL_CAFILE", "SSL_CERTFILE", "SSL_KEYFILE", "SSL_KEY_PASSWORD", "SSL_KEY_PASSWORD_FILE")
_SASL = ("SASL_MECHANISM", "SASL_USERNAME", "SASL_PASSWORD", "SASL_PASSWORD_FILE")
VARIABLES = (
    *(f"{KAFKA_PREFIX}{name}" for name in ("SECURITY_PROTOCOL", *_SASL, *_TLS)),
    *(f"{REDIS_PREFIX}{name}" for name in ("USERNAME", "PASSWORD", "PASSWORD_FILE", *_TLS)),
)
# A name that begins so is one of ours, misspelt; others, as BELLWETHER_KAFKA_PORT, Kubernetes sets for a service.
_MEANT = tuple(
    f"{prefix}{kind}" for prefix in (KAFKA_PREFIX, REDIS_PREFIX) for kind in ("SASL", "SSL", "SECURITY", "USER", "PASS")
)


def kafka_access(environment: Mapping[str, str], problems: list[str]) -> KafkaAccess:
    """What the environment says of Kafka; what is wrong with it is added to `problems`."""
    given = Given(environment, KAFKA_PREFIX, problems)
    access = KafkaAccess(
        protocol=(given.text("SECURITY_PROTOCOL") or PROTOCOLS[0]).upper(),
        mechanism=given.text("SASL_MECHANISM").upper(),
        username=given.text("SASL_USERNAME"),
        password=given.secret("SASL_PASSWORD"),
        tls=given.tls(),
    )
    if access.protocol not in PROTOCOLS:
        problems.append(f"{KAFKA_PREFIX}SECURITY_PROTOCOL: expected one of {', '.join(PROTOCOLS)}.")
        return access
    problems += _kafka_problems(access, given)
    return access


def _kafka_problems(access: KafkaAccess, given: "Given") -> Iterator[str]:
    if access.has_sasl:
        yield from _sasl_problems(access, given)
    else:
        yield from given.without_effect(_SASL, f"{KAFKA_PREFIX}SECURITY_PROTOCOL=SASL_SSL")
    if access.has_tls:
        yield from given.tls_problems(access.tls)
    else:
        yield from given.without_effect(_TLS, f"{KAFKA_PREFIX}SECURITY_PROTOCOL=SASL_SSL or SSL")


def _sasl_problems(access: KafkaAccess, given: "Given") -> Iterator[str]:
    if access.mechanism not in MECHANISMS:
        yield f"{KAFKA_PREFIX}SASL_MECHANISM: expected one of {', '.join(MECHANISMS)}."
    if access.mechanism == "PLAIN" and not access.has_tls:
        yield (
            f"{KAFKA_PREFIX}SASL_MECHANISM: expected {KAFKA_PREFIX}SECURITY_PROTOCOL=SASL_SSL with PLAIN, "
            "which sends the password as it is."
        )
    if not access.username:
        yield f"{KAFKA_PREFIX}SASL_USERNAME: expected with {access.protocol}, is missing."
    if access.password is None and not given.any_of("SASL_PASSWORD", "SASL_PASSWORD_FILE"):
        yield f"{KAFKA_PREFIX}SASL_PASSWORD_FILE: expected with {access.protocol}, is missing."


def redis_access(environment: Mapping[str, str], problems: list[str], *, has_tls: bool) -> RedisAccess:
    """What the environment says of Redis beside its URL; what is wrong with it is added to `problems`."""
    given = Given(environment, REDIS_PREFIX, problems)
    access = RedisAccess(username=given.text("USERNAME"), password=given.secret("PASSWORD"), tls=given.tls())
    if access.username and not given.any_of("PASSWORD", "PASSWORD_FILE"):
        problems.append(f"{REDIS_PREFIX}PASSWORD_FILE: expected with {REDIS_PREFIX}USERNAME, is missing.")
    problems += given.tls_problems(access.tls) if has_tls else given.without_effect(_TLS, "BELLWETHER_REDIS=rediss://…")
    return access


def misspelt(environment: Mapping[str, str]) -> Iterator[str]:
    """What begins like a variable of ours and is none."""
    for name in sorted(environment):
        if name.startswith(_MEANT) and name not in VARIABLES:
            near = get_close_matches(name, VARIABLES, n=1)
            yield f"{name}: expected {' or '.join(near or VARIABLES)}; there is no such variable."


def forget(environment: MutableMapping[str, str], prefix: str) -> None:
    """Take the credentials of one away: a server of our own asks for none, and is to hear none."""
    for name in VARIABLES:
        if name.startswith(prefix):
            environment.pop(name, None)


class Given:
    """The variables of one prefix; what can't be read is added to `problems`."""

    def __init__(self, environment: Mapping[str, str], prefix: str, problems: list[str]) -> None:
        self._environment = environment
        self._prefix = prefix
        self._problems = problems

    def text(self, name: str) -> str:
        """The value, empty where there is none."""
        return self._environment.get(f"{self._prefix}{name}", "").strip()

    def any_of(self, *names: str) -> bool:
        """Whether one of these is set."""
        return any(self.text(name) for name in names)

    def secret(self, name: str) -> Secret | None:
        """The secret of this name, or in the file of this name with `_FILE` behind; None where neither is."""
        path, said = self.text(f"{name}_FILE"), self._environment.get(f"{self._prefix}{name}", "")
        if not path:
            return Secret(said) if said else None
        label = f"{self._prefix}{name}_FILE"
        if said:
            self._problems.append(f"{label}: expected alone, but {self._prefix}{name} is set, too.")
            return None
        try:
            text = Path(path).read_text(encoding="utf-8").rstrip("\r\n")
        except (OSError, UnicodeDecodeError) as error:
            self._problems.append(f"{label}: expected a readable file, got {path} ({_reason(error)}).")
            return None
        if not text:
            self._problems.append(f"{label}: expected a secret in {path}, it is empty.")
        return Secret(text) if text else None

    def tls(self) -> Tls:
        """The files that are named."""
        cafile, certfile, keyfile = (self.text(name) for name in _TLS[:3])
        return Tls(cafile, certfile, keyfile, self.secret("SSL_KEY_PASSWORD"))

    def tls_problems(self, tls: Tls) -> Iterator[str]:
        """What is wrong with these files, read as a client will."""
        named = (("SSL_CAFILE", tls.cafile), ("SSL_CERTFILE", tls.certfile), ("SSL_KEYFILE", tls.keyfile))
        unreadable = [(name, path) for name, path in named if path and not os.access(path, os.R_OK)]
        for name, path in unreadable:
            yield f"{self._prefix}{name}: expected a readable file, got {path}."
        if bool(tls.certfile) != bool(tls.keyfile):
            missing, there = ("SSL_KEYFILE", "SSL_CERTFILE") if tls.certfile else ("SSL_CERTFILE", "SSL_KEYFILE")
            yield f"{self._prefix}{missing}: expected with {self._prefix}{there}, is missing."
        elif not unreadable:
            yield from self._unloadable(tls)

    def _unloadable(self, tls: Tls) -> Iterator[str]:
        try:
            Tls(tls.cafile).context()
        except OSError as error:
            yield f"{self._prefix}SSL_CAFILE: expected certificates in PEM format ({_reason(error)})."
            return
        try:
            tls.context()
        except OSError as error:
            yield (
                f"{self._prefix}SSL_CERTFILE: expected a certificate in PEM format, its key in "
                f"{self._prefix}SSL_KEYFILE, and the password of a locked key ({_reason(error)})."
            )

    def without_effect(self, names: tuple[str, ...], needed: str) -> Iterator[str]:
        """Those of the names that are set, though nothing would come of it: somebody trusts in it."""
        for name in names:
            if self.text(name):
                yield f"{self._prefix}{name}: expected only with {needed}; it would have no effect."


def _reason(error: Exception) -> str:
    """Why, without what was read."""
    if isinstance(error, ssl.SSLError):
        return error.reason or type(error).__name__
    return getattr(error, "strerror", None) or type(error).__name__
