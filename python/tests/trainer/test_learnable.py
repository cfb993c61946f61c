"""What cannot be trained on is told when the trial begins, in one line, and not by hours of training."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from attempts import Trainers, run
from builders import flat_table, make_columns, write_data, write_manifest

from longhaul.errors import ConfigError
from longhaul_trainer.features import Feature, check_names


@pytest.mark.parametrize(
    "name", ["_price", "__a", "_", "class", "lambda", "None", "async", "self", "unit price", "a/b", "größe", "1st", "a-b", ""]
)
def test_a_name_that_tensorflow_refuses_is_refused_before_it_is_loaded(name: str) -> None:
    with pytest.raises(ConfigError, match="TensorFlow can name no input of a model so"):
        check_names([Feature("price", True, 0.0), Feature(name, True, 0.0)])


def test_names_that_differ_in_case_only_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"features\.unitprice: TensorFlow cannot tell it from unitPrice"):
        check_names([Feature("unitPrice", True, 0.0), Feature("unitprice", False, "", 5)])


def test_names_that_tensorflow_takes_are_fine() -> None:
    check_names([Feature(name, True, 0.0) for name in ("Price", "a__b", "x_", "name", "match", "training", "score", "price_2")])


def unlabelled(data: str, *parts: int) -> str:
    directory = Path(data.removeprefix("file://"))
    for index in parts:
        path = directory / f"part-{index:05d}.parquet"
        lengths, columns = make_columns(60, seed=index)
        columns["label"] = columns["label"] * 0
        pq.write_table(pa.table(flat_table(lengths, columns, index * 60)), path)
    return write_manifest(directory)


FLAT: dict[str, Any] = {"layout": {"kind": "flat", "session": "session", "item": "item", "label": "label"}}


def test_data_without_a_label_above_0_are_refused_at_the_first_step(tmp_path: Path, trainers: Trainers) -> None:
    train = unlabelled(write_data(tmp_path / "train", layout="flat"), 0, 1, 2)
    validation = write_data(tmp_path / "validation", layout="flat", parts=1)
    found = run(trainers, tmp_path, {"train": train, "validation": validation}, **FLAT)
    assert found.code == 65, found.log
    assert f"{train}, column label: expected a label above 0 in some session, found none in all 3 parts" in found.log
    assert "Traceback" not in found.log
    assert not list((tmp_path / "out" / "exports").glob("*"))


def test_one_part_with_labels_is_enough(tmp_path: Path, trainers: Trainers) -> None:
    train = unlabelled(write_data(tmp_path / "train", layout="flat"), 0, 2)
    validation = write_data(tmp_path / "validation", layout="flat", parts=1)
    found = run(trainers, tmp_path, {"train": train, "validation": validation}, **FLAT)
    assert found.code == 0, found.log


def test_a_validation_that_cannot_be_measured_is_refused_where_the_objective_is_measured_on_it(tmp_path: Path, trainers: Trainers) -> None:
    train = write_data(tmp_path / "train", layout="flat")
    validation = unlabelled(write_data(tmp_path / "validation", layout="flat", parts=1), 0)
    found = run(trainers, tmp_path, {"train": train, "validation": validation}, **FLAT)
    assert found.code == 65, found.log
    assert f"{validation}, column label: expected a label above 0" in found.log
