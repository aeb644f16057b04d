"""What a run shows on stderr while it lasts: steps with their time, a bar, and counts that move."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import monotonic

from rich.console import Console, Group
from rich.live import Live
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn
from rich.table import Table

from agents.demo.watch import Counts
from streams import topics

LINE_SECONDS = 5.0
COLUMNS = ("sent", "taken in", "decisions", "fraud checks", "retention", "dead letters", "behind")
LABEL_WIDTH = 17


class Screen:
    """On a terminal the counts move in place; elsewhere a line tells them every few seconds.

    Attributes:
        sent: records that went out so far.
    """

    def __init__(self) -> None:
        self.sent = 0
        self._console = Console(stderr=True, highlight=False)
        self._counts = Counts()
        self._bar = self._progress()
        self._task = self._bar.add_task("", total=None)
        self._told_at = 0.0

    def say(self, what: str) -> None:
        """A line that stays."""
        self._console.print(what)

    @contextmanager
    def step(self, what: str) -> Iterator[None]:
        """Something that takes a while; told when it is done."""
        began_at = monotonic()
        with self._console.status(f"{what} …"):
            yield
        self._done(what, monotonic() - began_at)

    @contextmanager
    def counting(self, events: int) -> Iterator[None]:
        """While records are sent: a bar, and the counts."""
        began_at = self._told_at = monotonic()
        self._bar.reset(self._task, total=events, description="Events")
        with Live(get_renderable=self._picture, console=self._console, transient=True, refresh_per_second=5):
            yield
        self._done("Events", monotonic() - began_at)

    @contextmanager
    def bar(self, what: str) -> Iterator[Callable[[int, int], object]]:
        """A bar; gives what is to be told how much is done, of how much."""
        began_at = monotonic()
        with self._progress() as bar:
            task = bar.add_task(what, total=None)
            yield lambda done, total: bar.update(task, completed=done, total=total)
        self._done(what, monotonic() - began_at)

    def tell_sent(self, count: int) -> None:
        """So many records are out."""
        self.sent = count
        self._bar.update(self._task, completed=count)

    def tell(self, counts: Counts) -> None:
        """How far the workers are."""
        self._counts = counts
        if not self._console.is_terminal and monotonic() - self._told_at > LINE_SECONDS:
            self._told_at = monotonic()
            pairs = zip(COLUMNS, self._numbers(), strict=True)
            self._console.print("  " + ", ".join(f"{name} {number:,}" for name, number in pairs), soft_wrap=True)

    def _done(self, what: str, seconds: float) -> None:
        self._console.print(f"{what:<{LABEL_WIDTH}} {seconds:5.1f} s")

    def _progress(self) -> Progress:
        columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
        return Progress(*columns, console=self._console, transient=True, disable=not self._console.is_terminal)

    def _picture(self) -> Group:
        table = Table(box=None, pad_edge=False)
        for name in COLUMNS:
            table.add_column(name, justify="right", min_width=8)
        table.add_row(*(f"{number:,}" for number in self._numbers()))
        return Group(self._bar.get_renderable(), table)

    def _numbers(self) -> tuple[int, ...]:
        published = self._counts.published
        return (
            self.sent,
            self._counts.taken_in,
            *(
                published.get(topic.name, 0)
                for topic in (
                    topics.DECISIONS,
                    topics.FRAUD_CHECK_ACTIONS,
                    topics.RETENTION_ACTIONS,
                    topics.DEAD_LETTERS,
                )
            ),
            max(0, self.sent - self._counts.taken_in) + self._counts.undecided,
        )
