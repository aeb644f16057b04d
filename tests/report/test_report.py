"""A report's figures: known intervals, verdicts and responses joined in any order, and proposals only with evidence."""

import random
from pathlib import Path
from typing import Any

import msgspec
import pytest

from agents import config_files, settings
from agents.cli import learn as learn_command
from agents.cli import report as report_command
from agents.cli.output import CommandError, print_table
from agents.journal_lines import encode as encode_line
from agents.report.figures import Uplift, figures
from agents.report.intervals import difference_of, share_of
from agents.report.ledger import Ledger
from agents.report.lessons import known, lessons
from streams.actions import Decision, Measure
from streams.events import Response, Verdict
from streams.partition import JournalRecord
from tests.core import scenario

SHIPPED = config_files.load(settings.PACKAGED_CONFIG)


@pytest.mark.parametrize(
    ("count", "total", "low", "high"),
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_intervals_are_those_of_newcombes_tables(count: int, total: int, low: float, high: float) -> None:
    share = share_of(count, total)
    assert (share.low, share.high) == (pytest.approx(low, abs=1e-4), pytest.approx(high, abs=1e-4))


def test_the_difference_of_two_shares_is_newcombes_method_10() -> None:
    difference = difference_of(share_of(56, 70), share_of(48, 80))
    assert difference is not None
    assert (difference.low, difference.high) == (pytest.approx(0.0524, abs=1e-4), pytest.approx(0.3339, abs=1e-4))
    assert difference.is_clear
    assert difference_of(share_of(0, 0), share_of(1, 2)) is None
    assert difference_of(share_of(1, 2), share_of(0, 0)) is None


def decision(name: str, **fields: Any) -> Decision:
    known = {"trigger": "card_testing", "family": "fraud", "action": "verify_with_cardholder", "outcome": "sent"}
    own = {"id": name, "candidate": name, "customer": "anna", "config_version": "v1"}
    return Decision(**{**known, **own, "event_at_ms": 0, "decided_at_ms": 0, **fields})


def check(name: str, **measured: float) -> Decision:
    values = {key: Measure(value) for key, value in measured.items()}
    return decision(name, subject={"transaction": f"t-{name}"}, measured=values)


def offer(name: str, **fields: Any) -> Decision:
    known = {"trigger": "win_back", "family": "retention", "action": "win_back_offer", "segment": "high"}
    return decision(name, **{**known, "offer": "come_back_credit", **fields})


def verdict(name: str, answer: Any, at_ms: int = 1) -> Verdict:
    return Verdict(id=f"v-{name}-{at_ms}", customer="anna", at_ms=at_ms, transaction=f"t-{name}", answer=answer)


def response(name: str, kind: Any) -> Response:
    return Response(id=f"r-{name}-{kind}", customer="anna", at_ms=1, action_id=name, kind=kind)


def ledger_of(*happened: Any, seed: int = 0) -> Ledger:
    """A ledger that heard of it in some order."""
    ledger, mixed = Ledger(), list(happened)
    random.Random(seed).shuffle(mixed)  # noqa: S311 - a test's own order
    for one in mixed:
        (ledger.decided if isinstance(one, Decision) else ledger.happened)(one)
    return ledger


@pytest.mark.parametrize("seed", range(4))
def test_precision_is_by_config_version_and_the_last_answer_counts(seed: int) -> None:
    later = msgspec.structs.replace(check("d"), config_version="v2")
    answers = [verdict("a", "fraud"), verdict("b", "fraud"), verdict("b", "genuine", 2), verdict("c", "not_reached")]
    found = figures(ledger_of(check("a"), check("b"), check("c"), later, *answers, verdict("d", "fraud"), seed=seed))
    assert [(one.config_version, one.asked, one.unanswered) for one in found.fraud] == [("v1", 3, 1), ("v2", 1, 0)]
    assert [(one.precision.count, one.precision.total) for one in found.fraud] == [(1, 2), (1, 1)]
    assert found.sent == {"card_testing": 4}


@pytest.mark.parametrize("seed", range(4))
def test_acceptance_is_by_offer_and_segment_and_the_strongest_response_counts(seed: int) -> None:
    said = [response("a", "accepted"), response("a", "opened"), response("b", "declined"), response("d", "opened")]
    made = [offer("a"), offer("b"), offer("c"), offer("d", segment="medium")]
    found = figures(ledger_of(*made, *said, seed=seed)).acceptance
    assert [(one.segment, one.accepted.count, one.accepted.total, one.opened, one.declined) for one in found] == [
        ("high", 1, 3, 2, 1),
        ("medium", 0, 1, 1, 0),
    ]


def uplift_of(treated: int, converted: int, held_out: int, by_themselves: int) -> Uplift:
    made = [offer(f"t{number}") for number in range(treated)]
    kept = [offer(f"h{number}", outcome="suppressed", reason="hold_out") for number in range(held_out)]
    said = [response(f"t{number}", "converted") for number in range(converted)]
    said += [response(f"h{number}", "converted") for number in range(by_themselves)]
    (found,) = figures(ledger_of(*made, *kept, *said)).uplift
    return found


def test_uplift_is_told_plainly() -> None:
    assert uplift_of(200, 60, 41, 3).statement == "not enough data yet: 41 of 100"
    assert uplift_of(200, 20, 0, 0).statement == "not enough data yet: 0 of 100"
    assert uplift_of(400, 120, 200, 20).statement.startswith("more conversions: +20.0 points (+1")
    assert uplift_of(400, 40, 200, 60).statement.startswith("fewer conversions: -20.0 points")
    assert uplift_of(400, 40, 200, 19).statement.startswith("no clear effect: +0.5 points")


def test_silence_is_counted_by_reason_and_shadow_is_none_of_it() -> None:
    quiet = [offer("a", outcome="suppressed", reason="no_consent"), offer("b", outcome="held", reason="quiet_hours")]
    found = figures(ledger_of(*quiet, offer("c", outcome="shadow")))
    assert [(one.reason, one.count) for one in found.silences] == [("no_consent", 1)]
    assert [(one.reason, one.count) for one in found.holds] == [("quiet_hours", 1)], "it only had to wait"
    assert found.sent == {}


def answered(frauds: list[float], genuine: list[float]) -> Ledger:
    happened: list[Any] = []
    for answer, values in (("fraud", frauds), ("genuine", genuine)):
        for number, value in enumerate(values):
            name = f"{answer}{number}"
            happened += [check(name, usual_times=value, amount_minor=1), verdict(name, answer)]
    return ledger_of(*happened)


def test_a_threshold_is_raised_where_that_spares_the_honest_and_still_meets_the_frauds() -> None:
    (found,) = lessons(answered([20.0] * 40, [6.0] * 15 + [25.0] * 5), SHIPPED)
    assert (found.path, found.proposed) == ("triggers.card_testing.usual_times_min", 20)
    assert found.evidence == "15 of 20 honest cardholders not asked, 40 of 40 frauds still met"
    assert lessons(answered([20.0] * 10, [6.0] * 10), SHIPPED) == [], "too few answers"
    assert lessons(answered([6.0] * 40, [6.0] * 20), SHIPPED) == [], "nobody would be spared"
    assert lessons(answered([20.0] * 40, []), SHIPPED) == [], "nobody to spare"


def test_an_offers_figure_is_proposed_where_responses_contradict_it() -> None:
    def taken(count: int) -> Ledger:
        return ledger_of(
            *(offer(f"o{number}") for number in range(200)),
            *(response(f"o{number}", "accepted") for number in range(count)),
        )

    (found,) = lessons(taken(80), SHIPPED)
    assert (found.path, found.now, found.proposed) == (
        "policy.offers.win_back_offer.come_back_credit.acceptance.high",
        0.15,
        0.4,
    )
    assert found.evidence.startswith("80 of 200 accepted")
    assert lessons(taken(30), SHIPPED) == [], "as expected"


def dump(folder: Path) -> Path:
    """A journal with one fraud check that was answered."""
    (case,) = [one for one in scenario.of_trigger("fraud_verdict") if "genuine" in one.name][:1]
    file = folder / "journal.jsonl"
    entries = [JournalRecord(number, entry) for number, entry in enumerate(scenario.journal(case))]
    file.write_bytes(b"".join(encode_line(0, record) + b"\n" for record in entries))
    return file


def test_the_report_reads_a_dump_and_decides_it_again(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert report_command.app(["--input", str(dump(tmp_path)), "--json"], result_action="return_value") == 0
    found = msgspec.json.decode(capsys.readouterr().out)
    assert found["fraud"][0]["asked"] == 1
    assert report_command.app(["--input", str(dump(tmp_path))], result_action="return_value") == 0
    told = capsys.readouterr().out
    assert "0 of 1, 0.0 % (0.0 to 79.3)" in told
    assert "\nHeld for a time, and why\nNothing yet.\n" in told, "titles stand with their tables"


def test_a_file_that_is_no_dump_is_told_with_its_line(tmp_path: Path) -> None:
    file = tmp_path / "journal.jsonl"
    file.write_text("{}\n")
    with pytest.raises(CommandError, match=r"journal\.jsonl:1: not a line of a journal dump"):
        report_command.report(input=file)


def test_learning_proposes_writes_and_applies_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger = answered([20.0] * 40, [6.0] * 15 + [25.0] * 5)
    monkeypatch.setattr(learn_command, "ledger", lambda _: ledger)
    folder = tmp_path / "proposed"
    assert learn_command.app(["--output", str(folder)], result_action="return_value") == 0
    assert "triggers.card_testing" in capsys.readouterr().out
    text = (folder / "triggers.yaml").read_text()
    assert "usual_times_min: 20  # was 5: 15 of 20 honest cardholders not asked" in text
    proposal = config_files.load(folder)
    assert proposal.version != SHIPPED.version
    assert proposal.policy == SHIPPED.policy
    assert config_files.load(settings.PACKAGED_CONFIG).version == SHIPPED.version, "ours is as it was"


def test_nothing_to_learn_is_said(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(learn_command, "ledger", lambda _: Ledger())
    assert learn_command.learn() == 0
    told = capsys.readouterr().err
    assert "Nothing to propose" in told
    assert "Cardholders' answers: 0; from 30 on" in told, "and how far it is from enough"


def test_what_is_known_is_counted_for_whoever_has_nothing_to_learn_yet() -> None:
    checks = [check("a"), check("b"), verdict("a", "fraud")]
    offers = [offer(f"o{number}") for number in range(3)]
    assert known(ledger_of(*checks, *offers)).startswith("Cardholders' answers: 1; ")
    assert "one segment: 3; from 100 on" in known(ledger_of(*offers))


def test_only_a_terminal_folds_a_table(capsys: pytest.CaptureFixture[str]) -> None:
    name = "a_name_that_is_longer_than_half_of_a_line_of_eighty_columns_and_more"
    print_table(("one", "other"), [[name, name]])
    assert capsys.readouterr().out.splitlines()[1].split() == [name, name]
