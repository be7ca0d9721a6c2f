"""The model card: its content, escaping of data, and a page without external resources."""

import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from include.evaluation.gates.result import GateResult
from include.monitoring.false_alarms import FalseAlarmRate
from include.promotion import model_card
from include.promotion.model_card import ModelCardContent, SliceSummary, SplitSummary
from include.use_case import Binary, DecisionCosts
from tests.promotion.test_markdown import HOSTILE, structure

PLOTS = {"evaluation/gate_results.png": b"\x89PNG gates", "plots/calibration.png": b"\x89PNG curve"}


def gate_result(gate: str, outcome: str, kind: str = "metric", value: float | None = 0.4, **more) -> GateResult:
    fields = {"metric": "log_loss", "limit": 0.5, "blocks": outcome in ("failed", "inconclusive"), "reason": "Because."}
    return GateResult(gate=gate, kind=kind, value=value, outcome=outcome, **(fields | more))


def facts(**changed) -> ModelCardContent:
    test = {"log_loss": 0.4311, "auc": 0.712, "expected_cost": 5.25, "base_rate": 0.21, "mean_prediction": 0.23}
    return replace(
        ModelCardContent(
            use_case="flight_delays",
            version="4",
            as_of="2013-10-14",
            objective="Name the flights that will be late.",
            owner="operations-desk",
            label="late",
            label_meaning="1 if the flight arrived 15 minutes late or more.",
            label_delay_periods=2,
            task=Binary(costs=DecisionCosts(false_negative=30, false_positive=10, unit="agent minutes")),
            window="2013-01-01..2013-10-12",
            splits={
                "train": SplitSummary("2013-01-01", "2013-08-25", 236, 190_000, 0.31),
                "validation": SplitSummary("2013-08-29", "2013-09-11", 14, 12_000, 0.2),
                "test": SplitSummary("2013-09-15", "2013-10-12", 28, 25_123, 0.21),
            },
            test={"model": test, "logistic": test | {"log_loss": 0.4402}, "prior": test | {"log_loss": 0.5}},
            validation={"model": test | {"log_loss": 0.3555}},
            lineage={"MLflow run": "3f2a", "features, digest": "9c0f", "code, commit": "b3f5edc"},
            reason="weekly",
            unlabelled_rows=5_000,
            missing_periods=("2013-05-01..2013-05-03",),
            null_features={"seats": ["2013-01-01..2013-03-31", "2013-04-07"]},
            stale=("features: 31 of 90 periods are stale (31 made by other code)",),
            mixed_history=("features: other code than that of the newest 59 periods built 31 periods",),
            intervals={"log_loss": (0.4201, 0.4421)},
            slices=(
                SliceSummary("carrier", "UA", 5000, 0.44, 0.43, 0.01, 0.05),
                SliceSummary("carrier", "HA", 250, 0.52, 0.43, 0.09, 0.05),
                SliceSummary("carrier", "OO", 12, None, None, None, 0.05),
            ),
            gate_results=(
                gate_result("log_loss better than prior", "passed", limit=0.5),
                gate_result("auc at least 0.75", "failed", value=0.712, limit=0.75, reason="AUC is 0.712, below 0.75."),
                gate_result(
                    "log_loss better than the champion", "inconclusive", "champion", None, reason="Only 3 days left."
                ),
                gate_result("features without gain", "informational", "unused_features", 2, limit=None),
            ),
            gates="failed",
            champion="3",
            gains={"carrier": 30.0, "dep_hour": 70.0, "distance": 0.0},
            features={"carrier": "category", "dep_hour": "int8", "distance": "int32"},
            parameters={"learning_rate": "0.03", "num_boost_round": "600"},
            plots=tuple(PLOTS),
        ),
        **changed,
    )


def section(text: str, heading: str) -> str:
    """The text under a heading of the card."""
    return text.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]


def made_of(text: str) -> ModelCardContent:
    """A card whose every text from outside is this one."""
    return facts(
        use_case=text,
        version=text,
        as_of=text,
        objective=text,
        out_of_scope=(text,),
        owner=text,
        label=text,
        label_meaning=text,
        task=Binary(costs=DecisionCosts(false_negative=30, false_positive=10, unit=text)),
        window=text,
        reason=text,
        notice=text,
        links={text: text},
        missing_periods=(text,),
        null_features={text: (text,)},
        stale=(text,),
        mixed_history=(text,),
        gates=text,
        false_alarms=(
            FalseAlarmRate("performance", "degradation/auc", "model", 1.0, None, None, periods=42, missing_reason=text),
        ),
        slices=(
            SliceSummary(text, text, 300, 0.5, 0.4, 0.1, 0.05),
            SliceSummary(text, text, 3, None, None, None, 0.05),
        ),
        gate_results=(gate_result(text, "failed", "champion", reason=text),),
        champion=text,
        decisions=(text,),
        caveats=(text,),
        gains={text: 1.0, f"{text} ": 0.0},
        features={text: text},
        parameters={text: text},
        tuned_by=text,
        lineage={text: text, f"features, {text}": text},
    )


class Elements(HTMLParser):
    """The elements of a page, and what can run or be fetched."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))

    def named(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.found if name == tag]


def test_the_card_says_what_a_prediction_decides_and_what_an_error_costs():
    said = section(model_card.card_markdown(facts()), "What it is for")
    assert "positive from a probability of 0.25 on" in said
    assert "A false negative costs 30 agent minutes, a false positive 10" in said


def test_the_card_shows_the_days_and_rows_of_each_split_and_what_is_missing():
    said = section(model_card.card_markdown(facts()), "Data")
    assert "| test | 2013-09-15 | 2013-10-12 | 28 | 25,123 | 21.0% |" in said
    assert "**Rows without a label**: 5,000" in said
    assert "2013-05-01..2013-05-03" in said
    assert "`9c0f`" in said


def test_metrics_are_next_to_those_of_the_baselines_and_the_champion_with_the_interval():
    of_champion = {"log_loss": 0.4333}
    fields = facts()
    said = section(
        model_card.card_markdown(replace(fields, test={**fields.test, "champion": of_champion})), "How good it is"
    )
    assert "| metric | model | 95 % interval | logistic | prior | champion 3 |" in said
    row = "| Log loss (lower is better) | **0.4311** | 0.4201 to 0.4421 | 0.4402 | 0.5 | 0.4333 |"
    assert row in said
    assert "AUC (higher is better)" in said
    assert "**0.3555**" in said.partition("### On the validation days")[2]


def test_every_gate_result_is_in_the_table_with_value_limit_and_reason():
    lenient = gate_result("lenient", "failed", blocks=False)
    said = section(model_card.card_markdown(facts(gate_results=(*facts().gate_results, lenient))), "Gates")
    row = r"| auc at least 0.75 | ✘ failed | 0.712 | 0.75 | AUC is 0.712, below 0.75. |"
    assert row in said
    assert "| lenient | ✘ failed (allowed) | 0.4 | 0.5 | Because. |" in said
    assert "| log_loss better than the champion | ? inconclusive | – | 0.5 | Only 3 days left. |" in said


def test_without_groups_the_card_says_whether_a_gate_asked_for_them():
    assert "No slice gate is declared." in section(model_card.card_markdown(facts(slices=())), "Slices")
    unjudged = facts(slices=(), gate_results=(gate_result("by carrier", "inconclusive", "slice"),))
    assert "No group could be judged; the gates say why." in section(model_card.card_markdown(unjudged), "Slices")


def test_the_worst_group_comes_first_and_says_that_it_is_beyond_the_limit():
    rows = [
        line
        for line in section(model_card.card_markdown(facts()), "Slices").splitlines()
        if line.startswith("| carrier")
    ]
    assert rows == [
        "| carrier | HA | 250 | 0.52 | 0.43 | 0.09 | 0.05 | ✘ failed |",
        "| carrier | UA | 5,000 | 0.44 | 0.43 | 0.01 | 0.05 | ✔ passed |",
    ]


@pytest.mark.parametrize(
    "limit",
    [
        "tested only on 2013-09-15 to 2013-10-12",
        "Failed: auc at least 0.75. AUC is 0.712, below 0.75.",
        "Inconclusive: log_loss better than the champion. Only 3 days left.",
        "No gate is declared for: how it does in single groups of rows; bad input",
        "5,000 rows (about 2.2% of all) had no label",
        "Days without features: 2013-05-01..2013-05-03.",
        "The feature seats was declared later: it is null on 2013-01-01..2013-03-31, 2013-04-07.",
        "It was trained on periods that were stale. features: 31 of 90 periods are stale",
        "It was trained on a mixed history. features: other code than that of the newest 59 periods built 31 periods",
        "Groups with too few rows to be judged, with their number of rows: carrier = OO (12).",
        "The log loss of logistic, 0.4402, is within the model's interval",
        "The share of `late` changed from 31.0% on the train days to 21.0% on the test days",
        "Log loss is worse on the test days (0.4311) than on validation (0.3555).",
        "Replayed data.",
        "Its recipe is lost.",
    ],
)
def test_the_limits_follow_from_the_numbers(limit):
    said = section(model_card.card_markdown(facts(notice="Replayed data.", caveats=("Its recipe is lost.",))), "Limits")
    assert limit in said


def test_a_model_that_clearly_beats_the_baselines_is_not_said_to_be_like_them():
    assert "log loss of prior" not in section(model_card.card_markdown(facts()), "Limits")


def test_each_monitoring_limit_comes_with_its_false_alarms_a_year_and_what_they_were_simulated_from():
    found = (
        FalseAlarmRate("performance", "skill_loss/log_loss", "prior", 1.0, 0.98, at=0.99, periods=42),
        FalseAlarmRate("weighted_drift", "weighted_drift", "features", None, 2.5, at=1.0, periods=150, own=True),
        FalseAlarmRate(
            "performance",
            "degradation/auc",
            "model",
            1.0,
            None,
            None,
            periods=42,
            missing_reason="auc does not vary from day to day.",
        ),
    )
    rows = section(model_card.card_markdown(facts(false_alarms=found)), "False alarms").splitlines()
    assert "| skill_loss/log_loss against the prior | 1 | 0.98 | the default process (42 days of its own) |" in rows
    assert "| weighted_drift | – | 2.5 | its own 150 days |" in rows
    assert any("auc does not vary" in row for row in rows)
    assert "did not store the false alarms" in section(model_card.card_markdown(facts()), "False alarms")


def test_features_come_by_their_share_of_gain_and_those_without_are_named():
    said = section(model_card.card_markdown(facts()), "Features")
    assert said.index("| `dep_hour` | `int8` | 70.0% |") < said.index("| `carrier` | `category` | 30.0% |")
    assert "Without any gain (1): `distance`." in said


def test_tuned_parameters_name_their_study():
    assert "Not tuned" in section(model_card.card_markdown(facts()), "Parameters")
    assert "study run `77aa`" in section(model_card.card_markdown(facts(tuned_by="77aa")), "Parameters")


def test_the_card_says_how_to_rebuild_the_model():
    said = section(model_card.card_markdown(facts()), "Lineage")
    assert "| code, commit | `b3f5edc` |" in said
    assert "trigger the DAG `flight_delays__reproduce` with version 4" in said


def test_the_card_names_the_champion_it_was_compared_with_or_says_there_was_none():
    assert "was version 3" in section(model_card.card_markdown(facts()), "Compared with the champion")
    assert "There was no champion on 2013-10-14" in section(
        model_card.card_markdown(facts(champion="")), "Compared with the champion"
    )


def top(text: str) -> str:
    """What is above the first section of the card."""
    return text.partition("\n## ")[0]


def test_decisions_of_people_are_shown_at_the_top():
    text = model_card.card_markdown(facts(decisions=("It was rejected by Ada: too late",)))
    assert "- It was rejected by Ada: too late" in top(text)


def test_four_numbers_with_interval_and_best_baseline_and_one_plot_are_at_the_top():
    text = top(model_card.card_markdown(facts()))
    assert "| on the test days | Log loss (lower is better) | AUC (higher is better) |" in text
    assert "| model | **0.4311** | **0.712** | **5.25** |" in text
    assert "| 95 % interval | 0.4201 to 0.4421 | – | – |" in text
    assert "| best baseline | 0.4402 (logistic) | 0.712 (prior) | 5.25 (prior) |" in text
    assert "![Calibration](<../plots/calibration.png>)" in text


def test_the_plot_at_the_top_is_not_shown_again():
    assert model_card.card_markdown(facts()).count("plots/calibration.png") == 1


def test_without_metrics_of_the_test_days_the_top_has_no_numbers():
    assert "best baseline" not in model_card.card_markdown(facts(test={}))


def test_the_best_baseline_is_the_one_with_the_higher_value_if_higher_is_better():
    baselines = {"logistic": {"auc": 0.7}, "prior": {"auc": 0.5}}
    found = facts(test={"model": {"auc": 0.71}, **baselines}).headline
    assert [(each.metric, each.baseline, each.baseline_value) for each in found] == [("auc", "logistic", 0.7)]


def test_uses_out_of_scope_are_listed_or_said_to_be_missing():
    declared = section(model_card.card_markdown(facts(out_of_scope=("Planning of crews.",))), "What it is not for")
    assert "- Planning of crews." in declared and "declares no uses" not in declared
    assert "declares no uses" in section(model_card.card_markdown(facts()), "What it is not for")


def test_declared_links_can_be_clicked_and_leave_airflows_frame():
    page = model_card.card_html(model_card.card_markdown(facts(links={"data": "https://example.org/data?a=1"})), PLOTS)
    (link,) = [each for each in Elements(page).named("a") if not str(each["href"]).startswith("#")]
    assert link == {"data-out": None, "rel": "noopener noreferrer", "href": "https://example.org/data?a=1"}


@pytest.mark.parametrize(
    "address", ["javascript:alert(1)", "https://a.org/>[b](x)", "https://u:p@example.org/", "ftp://a"]
)
def test_another_address_is_text(address):
    page = model_card.card_html(model_card.card_markdown(facts(links={"data": address})), PLOTS)
    assert all(str(each["href"]).startswith("#") for each in Elements(page).named("a"))


def test_the_parts_of_a_page_are_its_sections_and_its_text():
    page = model_card.card_html(model_card.card_markdown(facts(objective="a < b")), PLOTS)
    parts = model_card.card_parts(page)
    assert parts.sections[:2] == (("what-it-is-for", "What it is for"), ("what-it-is-not-for", "What it is not for"))
    assert (
        parts.body.startswith("<h1 id=")
        and "a &lt; b" in parts.body
        and page.endswith(f"{parts.body}</main>\n</body>\n</html>")
    )


def test_another_page_has_no_parts():
    with pytest.raises(ValueError, match="not that of a model card"):
        model_card.card_parts("<html><body>forged</body></html>")


def test_what_an_older_run_has_not_kept_is_said_and_not_made_up():
    nothing = {"gate_results": None, "slices": None, "intervals": None, "gains": None, "champion": None, "gates": ""}
    text = model_card.card_markdown(facts(**nothing, plots=(), test={}, validation={}, parameters={}))
    for heading in ("How good it is", "Slices", "Gates", "Compared with the champion", "Features", "Parameters"):
        assert "This run did not store" in section(text, heading)
    assert "Gates not judged yet" in text
    assert model_card.card_html(text, {})


def test_equal_facts_give_equal_cards():
    assert model_card.card_markdown(facts()) == model_card.card_markdown(facts())
    assert model_card.card_html(model_card.card_markdown(facts()), PLOTS) == model_card.card_html(
        model_card.card_markdown(facts()), PLOTS
    )


@pytest.mark.parametrize("text", HOSTILE)
def test_a_hostile_text_leaves_the_structure_of_the_card_as_it_is(text):
    plain, hostile = (model_card.card_markdown(made_of(each)) for each in ("plain", text))
    assert structure(hostile) == structure(plain)


@pytest.mark.parametrize("text", HOSTILE)
def test_nothing_that_comes_from_data_becomes_part_of_the_page(text):
    hostile = made_of(text)
    harmless = facts(slices=hostile.slices[:1] and (replace(hostile.slices[0], column="x", group="x"),))
    page = Elements(model_card.card_html(model_card.card_markdown(hostile), PLOTS))
    known = {tag for tag, _ in Elements(model_card.card_html(model_card.card_markdown(harmless), PLOTS)).found} | {
        "blockquote"
    }
    assert {tag for tag, _ in page.found} <= known
    assert not page.named("script") and len(page.named("h2")) == 13
    assert all(str(image["src"]).startswith("data:image/png;base64,") for image in page.named("img"))
    assert all(str(link["href"]).startswith("#") for link in page.named("a"))
    assert not [name for _, attributes in page.found for name in attributes if name.startswith("on")]


def test_html_in_the_markdown_is_shown_as_text():
    page = model_card.card_html("# A card\n\n<script>alert(1)</script>\n\nand <b>more</b>", {})
    assert not Elements(page).named("script") and not Elements(page).named("b")


def test_the_page_holds_its_plots_and_asks_for_nothing():
    page = model_card.card_html(model_card.card_markdown(facts()), PLOTS)
    assert page.count("data:image/png;base64,") == 2
    assert not re.findall(r"""(?:src|href)=["'](?!data:|#)""", page)
    policy = next(each["content"] for each in Elements(page).named("meta") if "content" in each)
    assert "default-src 'none'" in str(policy)
    assert not re.search(r"@import|url\(", page)


def test_a_plot_is_in_its_section_and_one_that_is_missing_is_named():
    text = model_card.card_markdown(facts())
    assert "../evaluation/gate_results.png" in section(text, "Gates")
    assert "../plots/calibration.png" in top(text)
    assert "<em>Calibration (not kept)</em>" in model_card.card_html(text, {})


def test_the_page_follows_the_readers_colour_scheme_and_colours_the_outcomes():
    page = model_card.card_html(model_card.card_markdown(facts()), PLOTS)
    assert "prefers-color-scheme: dark" in page
    assert '<td class="failed">✘ failed</td>' in page
    assert '<td class="inconclusive">? inconclusive</td>' in page


def test_every_section_can_be_reached_from_the_top():
    page = Elements(model_card.card_html(model_card.card_markdown(facts()), PLOTS))
    places = [str(heading["id"]) for heading in page.named("h2")]
    assert [link["href"] for link in page.named("a")] == [f"#{place}" for place in places]
    assert len(set(places)) == 13
