"""Whether the suite finds bugs: each planted one must show within twenty kills, and none must show without a bug."""

import sys

from rich.console import Console

from faults.inject import Done
from faults.orders import carry_out
from faults.planted import BUGS
from faults.report import verdict
from faults.schedule import Group, Round, Step

KILLS_MAX = 20


def rounds() -> list[Round]:
    """Fourteen kills and a freeze, a leave and a join: what brings the planted bugs to light."""
    kills = [[Step("F-01", "kill", 0.0, number % 2, {"pause_seconds": 0.2})] for number in range(6)]
    points = ("intake.P3", "intake.P2", "intake.P5", "decide.P3")
    crashes = [
        [Step("F-02", f"crash at {point}", 0.0, number % 2, {"point": point, "passes": 2})]
        for number, point in enumerate(points)
    ]
    freeze = [[Step("F-04", "freeze", 0.0, 0, {"seconds": 9})]]
    storm = [[Step("F-12", "storm", 0.0, 0, {"seconds": 12})]]
    return [*kills[:3], *crashes, *freeze, *storm, *kills[3:]]


def run(seed: int) -> int:
    """Each bug in turn, then none; exit code 1 if one was missed, or something found where nothing was."""
    console = Console(markup=False, highlight=False)
    failed = 0
    for bug in (*BUGS, None):
        group = Group(
            name=f"bug {bug}" if bug else "no bug",
            rounds=rounds(),
            events=40_000,
            slice_records=2_000,
            pause_seconds=0.3,
        )
        [result] = carry_out([group], seed, bug=bug)
        found = verdict(result.problems)
        is_right = bool(result.problems) == (bug is not None)
        failed += not is_right
        title = BUGS[bug].__name__.replace("_", " ") if bug else "nothing planted"
        told = result.problems[0][:90] if result.problems else "nothing found"
        console.print(
            f"{'right' if is_right else 'WRONG'}  {bug or '-'}  {title:34} {kills(result.done):3} kills  {told}"
        )
        console.print(f"          {found.lost} lost, {found.doubled} doubled, {found.wrong} wrong", soft_wrap=True)
    sys.stderr.write(f"{len(BUGS) + 1 - failed} of {len(BUGS) + 1} as they should be\n")
    return int(failed > 0)


def kills(done: list[Done]) -> int:
    """How many kills there were; a crash point takes two."""
    return sum({"F-01": 1, "F-02": 2}.get(one.row, 0) for one in done)
