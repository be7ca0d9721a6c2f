"""Decisions on metrics that the test writes: in the order of days, one per day, within the policy."""

from dataclasses import replace

import pyarrow as pa
import pytest

from include.declaration.monitoring import Retraining
from include.declaration.period import Period, period_range
from include.errors import BeforeFirstPeriodError, PartitionMissingError
from include.lake import schemas
from include.lake.lake import Lake
from include.project import open_project
from include.registry.ledger import Ledger
from include.registry.ledger_entry import LedgerDecision
from include.retraining import decide, readiness, reserve_slot
from include.retraining.budget import RetrainingBudget
from include.retraining.retraining_errors import NotDecidedError
from tests import toy
from tests.monitoring import measures
from tests.refusals import raises

pytestmark = pytest.mark.both_places(long=True)

FIRST = Period("2020-03-01")
USE_CASE = replace(toy.USE_CASE, retraining=Retraining(breaches=2, of_periods=3, cool_down_periods=20, per_month=1))


def later(periods: int) -> Period:
    return FIRST + periods


@pytest.fixture
def lake(lake_home):
    """A lake whose model is champion from FIRST on."""
    model = {"version": "1", "trees": "trees", "fingerprint": "made so", "actor": "someone", "reason": "a test"}
    Ledger.open(USE_CASE).append(LedgerDecision(effective_from=FIRST, action="promotion", **model))
    return Lake.open(USE_CASE)


def train(lake: Lake, period: Period, outcome: str = "promoted") -> None:
    """What `reserve_slot` and `record_outcome` leave of a training, without the training."""
    assert reserve_slot.reserve_slot(open_project(USE_CASE), period).slot is not None
    row = {"outcome": outcome, "reason": "by hand", "model_version": "2", "run_id": f"drift__{period}"}
    rows = pa.Table.from_pylist([row], schema=schemas.RETRAININGS)
    lake.replace("retrainings", period, rows, inputs={}, stage="record_outcome")


def walk(lake: Lake, periods: list[Period], outcome: str = "promoted") -> list[Period]:
    """Decide each day in order, as the scheduler does; the days on which it trained."""
    made = []
    for period in periods:
        if decide.decide_retraining(open_project(USE_CASE), period).outcome == "retrain":
            train(lake, period, outcome)
            made.append(period)
    return made


def table(lake: Lake) -> list[dict]:
    return lake.as_of(later(400)).read("decisions", order_by=["period"]).to_pylist()


def test_twenty_breaches_in_a_row_make_one_training(lake):
    periods = period_range(FIRST, later(19))
    for period in periods:
        measures.breach(lake, period)
    assert walk(lake, periods) == [later(1)]


@pytest.mark.slow
@pytest.mark.both_places(not_on_s3="forty days more try the policy alone, and take three minutes")
@pytest.mark.parametrize(("outcome", "made"), [("promoted", [1, 31]), ("rejected", [1, 41])])
def test_sixty_breached_days_train_within_cool_down_back_off_and_budget(lake, outcome, made):
    periods = period_range(FIRST, later(59))
    for period in periods:
        measures.breach(lake, period)
    assert walk(lake, periods, outcome) == [later(each) for each in made]
    assert [
        len(RetrainingBudget.open(open_project(USE_CASE)).claims_of_month(period)) for period in (FIRST, later(31))
    ] == [
        1,
        1,
    ]


def test_a_decision_does_not_change_whatever_is_learned_later(lake):
    for period in (FIRST, later(1)):
        measures.breach(lake, period)
        made = decide.decide_retraining(open_project(USE_CASE), period)
    version = lake.as_of(later(1)).version("decisions")
    measures.write(lake, later(1))  # corrected: nothing is wrong with that day
    assert decide.decide_retraining(open_project(USE_CASE), later(1)) == replace(made, new=False)
    assert lake.as_of(later(1)).version("decisions") == version


def test_of_two_that_decide_at_once_both_get_the_first_decision(lake, monkeypatch):
    """The slower has read its measures when the day is measured again and decided by the other."""
    for period in (FIRST, later(1)):
        measures.breach(lake, period)
    decide.decide_retraining(open_project(USE_CASE), FIRST)
    write, faster = decide._write, []

    def overtaken(*arguments):
        monkeypatch.setattr(decide, "_write", write)
        measures.write(lake, later(1))
        faster.append(decide.decide_retraining(open_project(USE_CASE), later(1)))
        return write(*arguments)

    monkeypatch.setattr(decide, "_write", overtaken)
    slower = decide.decide_retraining(open_project(USE_CASE), later(1))
    assert (faster[0].outcome, faster[0].new) == ("hold", True)
    assert slower == replace(faster[0], new=False) == decide.existing_decision(open_project(USE_CASE), later(1))


def test_the_table_says_what_each_signal_showed(lake):
    measures.breach(lake, FIRST)
    decide.decide_retraining(open_project(USE_CASE), FIRST)
    (row,) = table(lake)
    assert (row["outcome"], row["model_version"], row["period"]) == ("hold", "1", FIRST.start_date)
    assert (
        '"signal": "weighted_drift", "breached": true, "breaches": 1, "measured": 1, "of_periods": 3' in row["signals"]
    )
    assert row["reason"].endswith("The chain of decisions begins here.")


def test_decisions_do_not_depend_on_measures_of_later_days(lake):
    periods = period_range(FIRST, later(9))
    for period in periods:
        measures.breach(lake, period)
    walk(lake, periods[:5])
    assert all(row["outcome"] == "hold" for row in table(lake)[2:])
    assert len(table(lake)) == 5


# -- the chain


def test_without_the_decision_of_the_day_before_it_fails_naming_that_day(lake):
    for period in period_range(FIRST, later(3)):
        measures.breach(lake, period)
    decide.decide_retraining(open_project(USE_CASE), later(1))
    with pytest.raises(PartitionMissingError) as refused:
        decide.decide_retraining(open_project(USE_CASE), later(3))
    assert (refused.value.table, refused.value.period) == ("decisions", Period("2020-03-03"))
    assert not readiness.is_ready_to_decide(open_project(USE_CASE), later(3))
    assert len(table(lake)) == 1


def test_after_a_gap_in_the_measures_is_filled_the_chain_goes_on(lake):
    periods = period_range(FIRST, later(5))
    for period in periods:
        measures.breach(lake, period)
    gap = later(1)
    lake.remove_partition("metrics", gap, stage="test")
    decide.decide_retraining(open_project(USE_CASE), FIRST)
    for period, missing in ((gap, "metrics of 2020-03-02"), (later(2), "decisions of 2020-03-02")):
        with pytest.raises(PartitionMissingError) as refused:
            decide.decide_retraining(open_project(USE_CASE), period)
        assert f"{refused.value.table} of {refused.value.period}" == missing
    measures.breach(lake, gap)
    assert walk(lake, periods) == [gap]
    assert [Period.from_date(row["period"]) for row in table(lake)] == periods


def test_the_chain_begins_after_the_day_without_a_champion(lake):
    before = FIRST - 5
    measures.write(lake, before)
    decide.decide_retraining(open_project(USE_CASE), before)
    measures.breach(lake, FIRST)
    assert not readiness.is_ready_to_decide(open_project(USE_CASE), FIRST)  # an earlier day may be about to be decided
    assert decide.decide_retraining(open_project(USE_CASE), FIRST).reason.endswith(
        "The chain of decisions begins here."
    )


@pytest.mark.parametrize(("gap", "begins"), [(56, False), (57, True)])
def test_the_chain_begins_again_where_nothing_was_decided_as_far_back_as_the_policy_looks(lake, gap, begins):
    for period in (FIRST, later(gap)):
        measures.breach(lake, period)
    decide.decide_retraining(open_project(USE_CASE), FIRST)
    if begins:
        assert (
            "The chain of decisions begins here." in decide.decide_retraining(open_project(USE_CASE), later(gap)).reason
        )
    else:
        with pytest.raises(PartitionMissingError):
            decide.decide_retraining(open_project(USE_CASE), later(gap))


def test_a_day_before_one_that_is_decided_holds(lake):
    for period in period_range(FIRST, later(9)):
        measures.breach(lake, period)
    decide.decide_retraining(open_project(USE_CASE), later(9))
    for period in period_range(FIRST, later(3)):
        result = decide.decide_retraining(open_project(USE_CASE), period)
        assert result.outcome == "hold"
    assert "The later day 2020-03-10 is decided already" in result.reason


def test_a_day_that_was_not_measured_is_not_decided(lake):
    with pytest.raises(PartitionMissingError) as refused:
        decide.decide_retraining(open_project(USE_CASE), FIRST)
    assert (refused.value.table, refused.value.period) == ("metrics", FIRST)


def test_a_day_before_the_first_is_refused(lake):
    with raises(BeforeFirstPeriodError, first=USE_CASE.first_period):
        decide.decide_retraining(open_project(USE_CASE), Period("2019-12-31"))


def test_a_training_without_an_outcome_is_waited_for_and_holds(lake):
    for period in period_range(FIRST, later(2)):
        measures.breach(lake, period)
    decide.decide_retraining(open_project(USE_CASE), FIRST), decide.decide_retraining(open_project(USE_CASE), later(1))
    assert not readiness.is_ready_to_decide(open_project(USE_CASE), later(2))
    reason = decide.decide_retraining(open_project(USE_CASE), later(2)).reason
    assert "The outcome of the retraining of 2020-03-02 is not recorded yet." in reason
    train(lake, later(1))
    measures.breach(lake, later(3))
    assert readiness.is_ready_to_decide(open_project(USE_CASE), later(3))


# -- the claim


def test_only_a_decision_to_retrain_can_claim(lake):
    with raises(NotDecidedError, period=FIRST, outcome=None):
        reserve_slot.reserve_slot(open_project(USE_CASE), FIRST)
    measures.write(lake, FIRST)
    decide.decide_retraining(open_project(USE_CASE), FIRST)
    with raises(NotDecidedError, period=FIRST, outcome="hold"):
        reserve_slot.reserve_slot(open_project(USE_CASE), FIRST)
    assert RetrainingBudget.open(open_project(USE_CASE)).claims_of_month(FIRST) == []


def test_a_budget_that_others_have_taken_meanwhile_gives_no_claim(lake):
    for period in period_range(FIRST, later(1)):
        measures.breach(lake, period)
        decide.decide_retraining(open_project(USE_CASE), period)
    RetrainingBudget.open(open_project(USE_CASE)).claim(later(20), 1)
    assert (
        reserve_slot.reserve_slot(open_project(USE_CASE), later(1)).reason
        == "The budget of 2020-03 is spent: other periods have all 1 trainings."
    )


def test_what_a_day_has_claimed_is_reported_without_a_claim(lake):
    for period in period_range(FIRST, later(1)):
        measures.breach(lake, period)
        decide.decide_retraining(open_project(USE_CASE), period)
    assert reserve_slot.existing_reservation(open_project(USE_CASE), later(1)).slot is None
    assert RetrainingBudget.open(open_project(USE_CASE)).claims_of_month(FIRST) == []
    made = reserve_slot.reserve_slot(open_project(USE_CASE), later(1))
    assert (made.slot, reserve_slot.existing_reservation(open_project(USE_CASE), later(1))) == (1, made)


def test_a_claim_without_a_training_counts_against_the_budget(lake):
    RetrainingBudget.open(open_project(USE_CASE)).claim(later(20), 1)
    for period in period_range(FIRST, later(1)):
        measures.breach(lake, period)
        result = decide.decide_retraining(open_project(USE_CASE), period)
    assert (result.outcome, "The budget of 2020-03 is spent" in result.reason) == ("hold", True)
