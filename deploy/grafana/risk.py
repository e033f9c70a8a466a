"""Risk model: whether the scores come from the model, and how many."""

from __future__ import annotations

from panels import bars, board, graph, listing, number

_SHIPMENTS = (
    ("shipment_id", "shipment", "string"),
    ("carrier", "carrier", "string"),
    ("promised_by", "promised by", "timestamp"),
    ("expected_at", "expected", "timestamp"),
    ("p_late", "p(late)", "number"),
    ("scored_at", "as of", "timestamp"),
    ("model_version", "model", "string"),
    ("steps_done", "steps done", "number"),
    ("steps_left", "steps left", "number"),
)

BOARD = board(
    "controltower-risk",
    "Control tower: risk model",
    "Whether scores come from the trained model or from the rule that stands in, and how many are asked for.",
    (),
    (
        (
            "Now",
            (
                number(
                    "Answered by the model",
                    "Share of score requests over 10 min that the trained model answered. Below 100 % a rule "
                    "stands in: see the runbook ScoreFallback.",
                    'sum(rate(controltower_score_requests_total{source="MODEL"}[10m])) '
                    "/ sum(rate(controltower_score_requests_total[10m]))",
                    "percentunit",
                    ((None, "red"), (0.999, "green")),
                    1,
                ),
                number(
                    "Stops scored",
                    "Stops per second that got a chance of being late.",
                    "sum(rate(controltower_score_rows_total[$__rate_interval]))",
                    "cps",
                    decimals=1,
                ),
                number(
                    "Share at risk",
                    "Routes under way with a stop whose p(late) is at least 0.5.",
                    "max(controltower:routes_at_risk:ratio)",
                    "percentunit",
                    ((None, "green"), (0.1, "orange"), (0.25, "red")),
                    1,
                ),
            ),
        ),
        (
            "Over time",
            (
                graph(
                    "Scores by source",
                    "Answers per second. Anything but MODEL means that a rule stands in.",
                    (
                        (
                            "sum by (source) (rate(controltower_score_requests_total[$__rate_interval]))",
                            "{{source}}",
                        ),
                    ),
                    "cps",
                    stacked=True,
                ),
                graph(
                    "Answers by version",
                    "Per second; a new line is a model swap, which all boards mark.",
                    (
                        (
                            "sum by (model) (rate(controltower_score_answers_total[$__rate_interval]))",
                            "{{model}}",
                        ),
                    ),
                    "cps",
                    stacked=True,
                ),
                graph(
                    "Age of scores",
                    "From the moment that a score is about until it was taken, in stream time: median and 99th percentile.",
                    tuple(
                        (
                            f"histogram_quantile({q}, sum by (le) (rate(controltower_track_score_age_seconds_bucket[10m])))",
                            name,
                        )
                        for q, name in ((0.5, "median"), (0.99, "p99"))
                    ),
                    "s",
                ),
                graph(
                    "Late stops: said and came",
                    "Of the stops whose outcome is known, over 6 h: how many were said to be late (the sum of p(late)), how many "
                    "were. The alert ScoresWrong fires where they part by half.",
                    (
                        ("controltower:late_said:stops6h", "said"),
                        ("controltower:late_came:stops6h", "came"),
                    ),
                ),
                bars(
                    "Calibration",
                    "By tenths of the p(late) that was said first: the share that came late, over 6 h. Each bar should be as long "
                    "as its tenth says.",
                    'sum by (said) (increase(controltower_track_scored_outcomes_total{came="late"}[6h])) '
                    "/ sum by (said) (increase(controltower_track_scored_outcomes_total[6h]))",
                    "{{said}}",
                    "percentunit",
                    12,
                ),
                graph(
                    "Drift of features",
                    "Population stability index of each feature against training, in thousandths. The alert FeaturesDrifted fires "
                    "above 250 (0.25).",
                    (("avg by (feature) (controltower_score_stability_permille)", "{{feature}}"),),
                    steps=((None, "transparent"), (250, "red")),
                ),
                graph(
                    "Candidate beside the model",
                    "95th percentile of the difference of p(late) between the live model and the candidate. Empty: no candidate.",
                    (
                        (
                            "histogram_quantile(0.95, sum by (le) (rate(controltower_score_shadow_difference_ratio_bucket[10m])))",
                            "p95",
                        ),
                    ),
                ),
                graph(
                    "Questions to the model",
                    "Per second; a route is asked about when its slack moved by a minute, or every 5 min.",
                    (("sum(rate(controltower_track_score_requests_total[$__rate_interval]))", "questions"),),
                    "cps",
                ),
                graph(
                    "Risk told",
                    "SLA_AT_RISK opened in each interval, and promises that were broken.",
                    (
                        (
                            "sum by (code) (increase(controltower_track_exceptions_total"
                            '{code=~"SLA_AT_RISK|SLA_BREACHED|ETA_SLIP", transition="OPENED"}'
                            "[$__rate_interval]))",
                            "{{code}}",
                        ),
                    ),
                    stacked=True,
                ),
            ),
        ),
        (
            "Line hauls",
            (
                listing(
                    "Shipments on a line haul",
                    "Those that no route carries yet, soonest promised first, with the latest chance of missing "
                    "that promise. Empty: none has a plan of its line haul.",
                    "shipments",
                    _SHIPMENTS,
                ),
            ),
        ),
    ),
)
