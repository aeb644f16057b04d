"""SCRAM users and access rules of a Kafka, made over its own protocol: aiokafka's admin client knows neither."""

import hashlib
import secrets
from collections.abc import Iterable, Mapping

from aiokafka.conn import create_conn
from aiokafka.protocol.api import Request, RequestStruct, Response
from aiokafka.protocol.types import (
    Array,
    CompactArray,
    CompactBytes,
    CompactString,
    Int8,
    Int16,
    Int32,
    Schema,
    String,
    TaggedFields,
)

from agents.kafka_rights import CODES
from agents.rights import Right

ITERATIONS = 4096
SCRAM_SHA_512 = 2
RESOURCES = {"topic": 2, "group": 3, "transactional id": 5}
LITERAL, PREFIXED = 3, 4
DENY, ALLOW = 2, 3


class _UsersAnswer(Response):
    API_KEY = 51
    API_VERSION = 0
    SCHEMA = Schema(
        ("throttle_time_ms", Int32),
        (
            "results",
            CompactArray(
                ("user", CompactString("utf-8")),
                ("error_code", Int16),
                ("error_message", CompactString("utf-8")),
                ("tags", TaggedFields),
            ),
        ),
        ("tags", TaggedFields),
    )


class _Users(RequestStruct):
    FLEXIBLE_VERSION = True
    API_KEY = 51
    API_VERSION = 0
    RESPONSE_TYPE = _UsersAnswer
    SCHEMA = Schema(
        ("deletions", CompactArray(("name", CompactString("utf-8")), ("mechanism", Int8), ("tags", TaggedFields))),
        (
            "upsertions",
            CompactArray(
                ("name", CompactString("utf-8")),
                ("mechanism", Int8),
                ("iterations", Int32),
                ("salt", CompactBytes),
                ("salted_password", CompactBytes),
                ("tags", TaggedFields),
            ),
        ),
        ("tags", TaggedFields),
    )


class _GrantsAnswer(Response):
    API_KEY = 30
    API_VERSION = 1
    SCHEMA = Schema(
        ("throttle_time_ms", Int32), ("results", Array(("error_code", Int16), ("error_message", String("utf-8"))))
    )


class _Grants(RequestStruct):
    API_KEY = 30
    API_VERSION = 1
    RESPONSE_TYPE = _GrantsAnswer
    SCHEMA = Schema(
        (
            "creations",
            Array(
                ("resource_type", Int8),
                ("name", String("utf-8")),
                ("pattern_type", Int8),
                ("principal", String("utf-8")),
                ("host", String("utf-8")),
                ("operation", Int8),
                ("permission", Int8),
            ),
        )
    )


class _AlterUsers(Request[_Users]):
    API_KEY = 51

    def __init__(self, passwords: Mapping[str, str]) -> None:
        self._passwords = passwords

    def build(self, request_struct_class: type[_Users]) -> _Users:
        upsertions = []
        for user, password in self._passwords.items():
            salt = secrets.token_bytes(16)
            salted = hashlib.pbkdf2_hmac("sha512", password.encode(), salt, ITERATIONS)
            upsertions.append((user, SCRAM_SHA_512, ITERATIONS, salt, salted, {}))
        return request_struct_class([], upsertions, {})


class _Grant(Request[_Grants]):
    API_KEY = 30

    def __init__(self, user: str, rights: Iterable[Right], permission: int) -> None:
        self._rows = [
            (
                RESOURCES[one.resource],
                one.name,
                PREFIXED if one.is_prefix else LITERAL,
                f"User:{user}",
                "*",
                CODES[operation],
                permission,
            )
            for one in rights
            for operation in one.operations
        ]

    def build(self, request_struct_class: type[_Grants]) -> _Grants:
        return request_struct_class(self._rows)


async def make_users(kafka: str, passwords: Mapping[str, str]) -> None:
    """Users who log in by SCRAM-SHA-512, by name."""
    host, port = kafka.split(":")
    connection = await create_conn(host, int(port))
    answer = await connection.send(_AlterUsers(passwords))
    assert [code for _, code, _, _ in answer.results] == [0] * len(passwords), answer.results
    connection.close()


async def grant(kafka: str, user: str, rights: Iterable[Right], permission: int = ALLOW) -> None:
    """Add these rights, or with DENY forbid them."""
    host, port = kafka.split(":")
    connection = await create_conn(host, int(port))
    answer = await connection.send(_Grant(user, rights, permission))
    assert {code for code, _ in answer.results} == {0}, answer.results
    connection.close()
