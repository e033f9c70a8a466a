"""Line haul: milestone tables, what is known at which stage, and the judgement beside a plain LightGBM."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest

from controltower.risk.history import HistoryError
from controltower.risk.linehaul.evaluation import line_haul_lines
from controltower.risk.linehaul.features import Stage, derived_table, feature_table, known, names
from controltower.risk.linehaul.model import fit_line_haul
from controltower.risk.linehaul.publishing import MANIFEST_FILE, load_line_haul, split, train_line_haul
from controltower.risk.linehaul.table import LEGS, STEPS, is_milestone_folder, read_milestones
from controltower.risk.manifest import ModelRefusedError

COLUMNS = [
    *(f"{leg}_{step}_{kind}" for leg in LEGS for step in STEPS for kind in ("p", "e")),
    *(f"{leg}_hops" for leg in LEGS),
]


def write_table(folder: Path, shipments: int, seed: int = 1) -> None:
    """Shipments of one or two inbound legs with one flight each; what is left out stands as 0."""
    rng = np.random.default_rng(seed)
    with (folder / "table.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, restval="0")
        writer.writeheader()
        for _ in range(shipments):
            row: dict[str, str] = {}
            for leg in ("i1", "i2", "o") if rng.random() < 0.5 else ("i1", "o"):
                row[f"{leg}_hops"] = "1"
                for step in ("rcs", "dep_1", "rcf_1", "dlv"):
                    planned = int(rng.integers(200, 2000))
                    row[f"{leg}_{step}_p"] = str(planned)
                    row[f"{leg}_{step}_e"] = str(int(planned * rng.lognormal(-0.1, 0.3)))
            writer.writerow(row)


def test_missing_is_missing_and_late_is_the_longest_way(tmp_path: Path) -> None:
    """A 0 is no duration; the shorter inbound leg does not matter."""
    (tmp_path / "t.csv").write_text(
        ",".join(COLUMNS)
        + "\n"
        + ",".join(
            {"i1_rcs_p": "100", "i1_rcs_e": "90", "i2_rcs_p": "50", "i2_rcs_e": "95"}.get(
                name, {"o_dlv_p": "10", "o_dlv_e": "14"}.get(name, "0")
            )
            for name in COLUMNS
        )
        + "\n"
    )
    table = read_milestones(tmp_path)
    assert np.isfinite(table.planned).sum() == 3
    assert table.late().tolist() == [0.0]  # 95 + 14 against 100 + 10


def test_a_stage_knows_nothing_of_the_next(tmp_path: Path) -> None:
    """The plan alone has no durations; after the inbound DLV none of the outbound leg."""
    write_table(tmp_path, 20)
    table = read_milestones(tmp_path)
    assert not np.isfinite(known(table, Stage.PLAN)).any()
    assert not np.isfinite(known(table, Stage.INBOUND)[:, -1]).any()
    assert np.isfinite(known(table, Stage.ALL)[:, -1]).any()
    assert feature_table(table, Stage.ALL).shape == (20, len(names(Stage.ALL)))
    slack = derived_table(table, Stage.ALL)[:, -2]
    assert ((slack < 0) == (table.late() == 1)).all()


def test_training_judges_by_the_later_shipments_and_writes_digests(tmp_path: Path) -> None:
    """The last 30 % in file order are held out, and a folder with a manifest is left."""
    write_table(tmp_path, 300)
    table = read_milestones(tmp_path)
    learn, judged = split(table)
    assert (len(learn), len(judged)) == (210, 90)
    lines = train_line_haul(table, tmp_path / "model", lambda: None)
    assert len(lines) == 4
    assert (tmp_path / "model" / MANIFEST_FILE).exists()
    loaded = load_line_haul(tmp_path / "model", Stage.INBOUND)
    fresh = fit_line_haul(table, Stage.INBOUND)
    np.testing.assert_allclose(loaded.predict(judged), fresh.predict(judged), rtol=1e-9)
    (tmp_path / "model" / "inbound.txt").write_text("tree")
    with pytest.raises(ModelRefusedError, match=r"inbound.txt does not match"):
        load_line_haul(tmp_path / "model", Stage.INBOUND)


def test_a_model_that_answers_its_canaries_differently_is_refused(tmp_path: Path) -> None:
    """Also where every digest fits, and where there are none to ask."""
    write_table(tmp_path, 120)
    folder = tmp_path / "model"
    train_line_haul(read_milestones(tmp_path), folder, lambda: None)
    manifest = json.loads((folder / MANIFEST_FILE).read_text())
    manifest["canaries"]["plan"][3]["p_late"] += 0.01
    manifest["canaries"]["all"] = []
    (folder / MANIFEST_FILE).write_text(json.dumps(manifest))
    assert load_line_haul(folder, Stage.INBOUND).stage is Stage.INBOUND
    with pytest.raises(ModelRefusedError, match="canary 4: p_late is"):
        load_line_haul(folder, Stage.PLAN)
    with pytest.raises(ModelRefusedError, match="no canaries"):
        load_line_haul(folder, Stage.ALL)


def test_with_all_scans_the_sums_beat_plain_columns(tmp_path: Path) -> None:
    """The judgement has four stages, and is better where the sums decide."""
    write_table(tmp_path, 400)
    lines = list(line_haul_lines(read_milestones(tmp_path)))
    assert sum("plain LightGBM" in line for line in lines) == 4
    assert lines[-2].endswith("better")


def test_a_folder_without_the_columns_is_none(tmp_path: Path) -> None:
    """Other tables are left alone, and a word in a number's place is told with its row and column."""
    (tmp_path / "other.csv").write_text("a,b\n1,2\n")
    assert not is_milestone_folder(tmp_path)
    write_table(tmp_path, 2)
    text = (tmp_path / "table.csv").read_text().splitlines()
    text[1] = "soon" + text[1][text[1].index(",") :]
    (tmp_path / "table.csv").write_text("\n".join(text))
    with pytest.raises(HistoryError, match="row 2, column i1_rcs_p: is no number"):
        read_milestones(tmp_path)
