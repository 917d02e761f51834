"""COCO's scores in the table of several predictions; the other sections are tested in test_scores.py."""

from unmask.metrics.comparison import ComparisonRow, compare_table
from unmask.metrics.scores import Scores


def scores(**coco: object) -> Scores:
    return Scores(1, {}, {"ap": {"0.50": 0.5}}, {}, {}, {}, coco)  # type: ignore[arg-type]


def test_coco_stands_last_and_its_limit_is_not_judged() -> None:
    rows = compare_table(
        {
            "sure": scores(mask={"ap": 0.5}, box={"ap": 0.3}, max_detections=120),
            "plain": scores(),
            "other": scores(mask={"ap": 0.4}, box={"ap": 0.6}, max_detections=100),
        }
    )
    assert rows == [
        ComparisonRow("objects", "ap_0.50", (0.5, 0.5, 0.5), (0, 1, 2)),
        ComparisonRow("coco", "mask_ap", (0.5, None, 0.4), (0,)),
        ComparisonRow("coco", "box_ap", (0.3, None, 0.6), (2,)),
        ComparisonRow("coco", "max_detections", (120, None, 100), ()),
    ]
