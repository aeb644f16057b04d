"""Every private part of Faust and aiokafka that we override or lean on, held to the version that was read.

A failure here says: the library changed what we build on. Read the new source, compare it with what the row says our
override must keep doing, mend `agents/transport.py` or `agents/kafka_client.py` if need be, then pin the new digest.
"""

import hashlib
import inspect
from collections.abc import Callable
from importlib.metadata import version
from typing import Any

import aiokafka
import aiokafka.consumer.fetcher
import aiokafka.consumer.group_coordinator
import aiokafka.producer.message_accumulator
import aiokafka.producer.sender
import aiokafka.producer.transaction_manager
import faust.app.base
import faust.assignor
import faust.streams
import faust.tables.manager
import faust.tables.recovery
import faust.topics
import faust.transport.consumer
import pytest
from faust.transport.drivers import aiokafka as driver

from agents import assignor, kafka_client, kafka_frames, transport

Part = tuple[str, Callable[..., Any], str]
PARTS: list[Part] = [
    (
        "getmany: waits while flow is inactive, ends on should_stop",
        faust.transport.consumer.Consumer.getmany,
        "4b168d84882a",
    ),
    (
        "_drain_messages: drops a message below the offset it has seen",
        faust.transport.consumer.Consumer._drain_messages,
        "44a2500309e8",
    ),
    (
        "perform_seek: sought to committed offsets, we seek nothing",
        faust.transport.consumer.Consumer.perform_seek,
        "0e8c130ff4b0",
    ),
    (
        "verify_all_partitions_active: only logs",
        faust.transport.consumer.Consumer.verify_all_partitions_active,
        "4e0e46f5c297",
    ),
    ("_to_message: carries the consumer's generation id", driver.Consumer._to_message, "7c24f6511b2f"),
    (
        "listener: sets the generation id before the app hears",
        driver.ConsumerRebalanceListener.on_partitions_assigned,
        "1c1f8406ad36",
    ),
    ("_compile_decode: sets an async decode(message, propagate)", faust.topics.Topic._compile_decode, "6474178f8c21"),
    ("_on_partitions_revoked: stops flow, clears queues", faust.app.base.App._on_partitions_revoked, "d5c895bbe57d"),
    ("_on_partitions_assigned: tables recover after it", faust.app.base.App._on_partitions_assigned, "de932b7927db"),
    ("on_rebalance_end: after flow has resumed", faust.app.base.App.on_rebalance_end, "b7ff69e1e377"),
    ("_stop_consumer: awaited by on_stop before anything else", faust.app.base.App._stop_consumer, "55854a5de12c"),
    ("on_stop: first stops the consumer", faust.app.base.App.on_stop, "bfe5a933defb"),
    (
        "_create_directories: folders for stores, which we have none of",
        faust.app.base.App._create_directories,
        "a9f571c3b04a",
    ),
    ("_new_transport: makes the consumer's transport", faust.app.base.App._new_transport, "42db531312dd"),
    ("_new_producer_transport: likewise the producer's", faust.app.base.App._new_producer_transport, "eb3b4aa6a896"),
    (
        "_restart_recovery: calls what we override, in order",
        faust.tables.recovery.Recovery._restart_recovery,
        "6bd8a8558a2d",
    ),
    (
        "on_recovery_completed: table first, then resume, then on_rebalance_end",
        faust.tables.recovery.Recovery.on_recovery_completed,
        "6ef567acf072",
    ),
    ("_build_highwaters", faust.tables.recovery.Recovery._build_highwaters, "91b4cc0d3724"),
    ("_build_offsets", faust.tables.recovery.Recovery._build_offsets, "27eec86be06c"),
    ("_seek_offsets", faust.tables.recovery.Recovery._seek_offsets, "19598ca63d94"),
    ("need_recovery", faust.tables.recovery.Recovery.need_recovery, "fd1dc345b5d5"),
    (
        "TableManager.recovery: makes the service on first use",
        faust.tables.manager.TableManager.recovery.fget,
        "f0bf5de78b4c",
    ),
    (
        "_perform_assignment: groups with one count are shared out first, then global tables; both steps are ours",
        faust.assignor.PartitionAssignor._perform_assignment,
        "1e0bf2c5c8f4",
    ),
    (
        "_get_copartitioned_groups: is asked once, with all topics and who subscribed to what",
        faust.assignor.PartitionAssignor._get_copartitioned_groups,
        "82b7a3764ad5",
    ),
    (
        "_global_table_standby_assignments: gets each member's assignment, and we have no global table",
        faust.assignor.PartitionAssignor._global_table_standby_assignments,
        "b956f05703d9",
    ),
    (
        "a change of partition counts lets the group be shared out anew",
        aiokafka.consumer.group_coordinator.BaseCoordinator._handle_metadata_update,
        "b2832b6d82be",
    ),
    (
        "the leader watches all topics of the group, and shares out what it has just seen",
        aiokafka.consumer.group_coordinator.GroupCoordinator._perform_assignment,
        "a5cf61fa9732",
    ),
    (
        "a transaction's commit waits for batches without looking",
        aiokafka.producer.message_accumulator.MessageAccumulator.flush_for_commit,
        "39683730fcff",
    ),
    (
        "the sender's back-off between transactions is BACKOFF_OVERRIDE",
        aiokafka.producer.sender.Sender._sender_routine,
        "2380dc5e333d",
    ),
    (
        "getmany: errors of the coordinator first, then `fetched_records`",
        aiokafka.AIOKafkaConsumer.getmany,
        "bc6d248e42a4",
    ),
    (
        "fetched_records: what is taken is deleted, the fetcher told, and a waiter awaited",
        aiokafka.consumer.fetcher.Fetcher.fetched_records,
        "be4348896b9b",
    ),
    (
        "a fetch waiter is done when something came, or carries an error",
        aiokafka.consumer.fetcher.Fetcher._create_fetch_waiter,
        "61d840568746",
    ),
    ("_notify: wakes whoever waits for that", aiokafka.consumer.fetcher.Fetcher._notify, "d3a30d94f34f"),
    (
        "_fetch_requests_routine: wakes at `_wait_consume_future`",
        aiokafka.consumer.fetcher.Fetcher._fetch_requests_routine,
        "2a8ec5932644",
    ),
    (
        "what is fetched stands in `_records`: a FetchResult or a FetchError; asks by the client's `send`",
        aiokafka.consumer.fetcher.Fetcher._proc_fetch_request,
        "59bf948fff47",
    ),
    (
        "getall: checks the assignment, then moves the position",
        aiokafka.consumer.fetcher.FetchResult.getall,
        "3e717e30de50",
    ),
    (
        "check_assignment: false if the position was moved meanwhile",
        aiokafka.consumer.fetcher.FetchResult.check_assignment,
        "b5340df67e3f",
    ),
    (
        "_update_position: to `next_fetch_offset`",
        aiokafka.consumer.fetcher.FetchResult._update_position,
        "83fb1473bf10",
    ),
    ("check_raise: raises what the fetch came to", aiokafka.consumer.fetcher.FetchError.check_raise, "f03628e12d3f"),
    (
        "_unpack_records: checks sums, passes aborted and control batches, starts at the position",
        aiokafka.consumer.fetcher.PartitionRecords._unpack_records,
        "b803e6d46480",
    ),
    (
        "_consume_aborted_up_to: whose transactions are aborted from here on",
        aiokafka.consumer.fetcher.PartitionRecords._consume_aborted_up_to,
        "56876530cd64",
    ),
    (
        "_contains_abort_marker: reads a control batch's one record",
        aiokafka.consumer.fetcher.PartitionRecords._contains_abort_marker,
        "17e9ad2322ef",
    ),
    (
        "_consumer_record: nothing but other names for the parser's fields",
        aiokafka.consumer.fetcher.PartitionRecords._consumer_record,
        "e668541600b0",
    ),
    (
        "BatchBuilder.append: an offset of its own, then the builder",
        aiokafka.producer.message_accumulator.BatchBuilder.append,
        "657d76f55157",
    ),
    (
        "a transaction that fails leaves its error with the waiter",
        aiokafka.producer.transaction_manager.TransactionManager.error_transaction,
        "5c72d40ab25e",
    ),
    (
        "and so does one that fails for good",
        aiokafka.producer.transaction_manager.TransactionManager.fatal_error,
        "8e9fd08dc500",
    ),
    (
        "a connection's close waits for TLS' farewell; ours cuts it short",
        kafka_client._close,
        "28f164aa1e4f",
    ),
    (
        "what a connection reads, ours hands on as it would",
        aiokafka.conn.AIOKafkaConnection._read,
        "7b892995c0b8",
    ),
    (
        "an error while reading closes the connection",
        aiokafka.conn.AIOKafkaConnection._on_read_task_error,
        "b77014588488",
    ),
    (
        "the protocol hears of pieces and of the end, nothing else",
        kafka_frames.FrameProtocol.__base__,
        "0f94e2d60152",
    ),
    (
        "a protocol and a reader are there before the task that reads",
        aiokafka.conn.AIOKafkaConnection.connect,
        "b0f9ba7f0cf6",
    ),
    (
        "a connection's send expects `OSError` of a broken one",
        kafka_client._send,
        "5909ea32f4ef",
    ),
    (
        "offsets are sent when the group is in the transaction; ours waits for the records as well",
        kafka_client._commit_offsets,
        "3841d6ec6c96",
    ),
    (
        "BatchBuilder.record_count is the next offset",
        aiokafka.producer.message_accumulator.BatchBuilder.record_count,
        "3a3d4948a3b7",
    ),
]


def digest(part: Callable[..., Any]) -> str:
    function = getattr(part, "fun", part)  # of a mode service task
    return hashlib.sha256(inspect.getsource(function).encode()).hexdigest()[:12]


def test_versions_are_the_ones_that_were_read() -> None:
    pinned = {"faust-streaming": "0.15.3", "mode-streaming": "0.7.1", "aiokafka": "0.14.0"}
    assert {name: version(name) for name in pinned} == pinned


@pytest.mark.parametrize(("keeps", "part", "known"), PARTS, ids=[keeps for keeps, _, _ in PARTS])
def test_the_part_is_as_it_was_read(keeps: str, part: Callable[..., Any], known: str) -> None:
    assert digest(part) == known, f"changed: our override must keep: {keeps}"


def test_every_override_is_guarded() -> None:
    guarded = {getattr(part, "fun", part).__name__ for _, part, _ in PARTS}
    classes = [
        one
        for module in (transport, assignor, kafka_client)
        for one in vars(module).values()
        if inspect.isclass(one) and one.__module__ == module.__name__
    ]
    overrides = {
        name
        for one in classes
        for name, value in vars(one).items()
        if (inspect.isroutine(value) or isinstance(value, property)) and _is_inherited(one, name)
    }
    public = {"__init__", "on_start", "on_partitions_assigned", "recovery"}  # or guarded under another name
    assert overrides - guarded - public == set()


def _is_inherited(one: type, name: str) -> bool:
    return any(name in vars(base) for base in one.__mro__[1:-1])


def test_the_fast_stream_iterator_is_there() -> None:
    assert faust.streams._CStreamIterator is not None, "its slow twin acknowledges what it skips"


def test_the_transport_is_ours() -> None:
    assert transport.Transport.Consumer is transport.BatchConsumer
