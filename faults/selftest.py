"""Whether the suite finds bugs: each planted one must show within twenty kills, and none must show without a bug."""

from collections.abc import Iterator, Sequence

from rich.console import Console

from faults.group import Result
from faults.inject import Done
from faults.orders import BROKE_OFF, carry_out
from faults.planted import BUGS
from faults.report import verdict
from faults.schedule import Group, Round, Step, append_refused
from streams import topics

AT_ONCE = 3  # groups side by side: they mostly wait


def rounds() -> list[Round]:
    """Fourteen kills, a freeze, workers that join and leave, refused records: what brings the planted bugs to light."""
    kills = [[Step("F-01", "kill", 0.0, number % 2, {"pause_seconds": 0.2})] for number in range(6)]
    points = ("P3", "P4", "P3", "P3")  # those that no planted bug replaces
    crashes = [
        [Step("F-02", f"crash at {point}", 0.0, number % 2, {"point": point, "passes": 2 + number})]
        for number, point in enumerate(points)
    ]
    freeze = [[Step("F-04", "freeze", 0.0, 0, {"seconds": 9})]]
    storm = [[Step("F-12", "storm", 0.0, 0, {"seconds": 12})]]
    refused = [[append_refused(topics.JOURNAL.name)]]
    return [*kills[:3], *crashes, *freeze, *storm, *refused, *kills[3:]]


def run(seed: int, chosen: Sequence[int] = ()) -> int:
    """Each bug, or the chosen ones, and none; exit code 1 if one was missed, or something found where nothing was."""
    console = Console(markup=False, highlight=False)
    bugs: list[int | None] = [*(chosen or BUGS), None]
    wrong = 0
    for first in range(0, len(bugs), AT_ONCE):
        some = bugs[first : first + AT_ONCE]
        for bug, result in zip(some, carry_out([group_of(bug) for bug in some], seed), strict=True):
            wrong += not is_right(bug, result)
            for line in told(bug, result):
                console.print(line, soft_wrap=True)
    console.print(f"{len(bugs) - wrong} of {len(bugs)} as they should be")
    return int(wrong > 0)


def group_of(bug: int | None) -> Group:
    """The same load and faults for every bug, and for none."""
    return Group(
        name=f"bug {bug or '-'}",
        rounds=rounds(),
        events=150_000,
        slice_records=1_000,
        pause_seconds=1.0,
        bug=bug,
    )


def is_right(bug: int | None, result: Result) -> bool:
    """Whether the suite said what is so. A group that broke off said nothing."""
    return BROKE_OFF not in result.problems and bool(result.problems) == (bug is not None)


def told(bug: int | None, result: Result) -> Iterator[str]:
    """What was found, for people."""
    found = verdict(result.problems)
    title = BUGS[bug].__name__.replace("_", " ") if bug else "nothing planted"
    counts = f"{kills(result.done)} kills, {found.lost} lost, {found.doubled} doubled, {found.wrong} wrong"
    yield f"{'right' if is_right(bug, result) else 'WRONG'}  {bug or '-'}  {title:34} {counts}"
    yield f"          {result.problems[0][:120] if result.problems else 'nothing found'}"


def kills(done: list[Done]) -> int:
    """How many kills there were; a crash point takes two."""
    return sum({"F-01": 1, "F-02": 2}.get(one.row, 0) for one in done)
