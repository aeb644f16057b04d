"""A real Kafka broker and a real Redis on this machine, from wheels and pinned jars: no Docker, no Java installed.

Source: docs/decisions/0001-local-stack-without-docker.md
"""

from agents.stack.errors import StackError
from agents.stack.stack import Part, Stack, default_folder, running, status, up

__all__ = ["Part", "Stack", "StackError", "default_folder", "running", "status", "up"]
