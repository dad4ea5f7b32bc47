from __future__ import annotations

from pathlib import Path

import pytest
from published_tables import METHODS

from imbseg.copy_paste.weak_file import weak_classes
from imbseg.datasets.spec import load
from imbseg.errors import InputError

CLASSES = ("ground", "a", "b", "c, d", "e")


def weak(path: Path, text: str, classes: tuple[str, ...] = CLASSES) -> list[str]:
    file = path / "earlier.csv"
    file.write_text(text, encoding="utf-8")
    return weak_classes(file, classes, "ground")


def test_a_table_class_by_class(tmp_path: Path) -> None:
    # Four classes beside the background: a third of them is 1.33, rounded one.
    assert weak(tmp_path, 'class,IoU\nground,0.01\na,0.5\nb,0.2\n"c, d",0.3\ne,0.9\n') == ["b"]


def test_several_methods_are_averaged(tmp_path: Path) -> None:
    assert weak(tmp_path, ',one,two\na,0.5,0.1\nb,0.4,0.4\n"c, d",0.35,\ne,0.9,\nground,,\n') == ["a"]


def test_of_epochs_the_best_counts(tmp_path: Path) -> None:
    header = 'epoch,mIoU,mIoU_present,IoU/ground,IoU/a,IoU/b,"IoU/c, d",IoU/e\n'
    rows = "1,0.9,0.2,1,0.0,0.5,0.5,0.5\n2,0.1,0.7,1,0.6,0.1,,0.5\n3,0.2,0.7,1,0.6,0.5,0.0,0.5\n"
    assert weak(tmp_path, header + rows) == ["b"]  # epoch 2: the first of the highest mIoU_present
    without = header.replace("mIoU_present", "tail") + rows
    assert weak(tmp_path, without) == ["a"]  # epoch 1 by mIoU


def test_a_reports_results_count_by_validation_and_over_runs(tmp_path: Path) -> None:
    header = 'trial,status,val/mIoU,test/IoU/a,val/IoU/ground,val/IoU/a,val/IoU/b,"val/IoU/c, d",val/IoU/e\n'
    rows = "x,finished,0.5,0.0,0.9,0.5,0.3,0.4,0.5\ny,finished,0.5,0.0,0.9,0.5,0.4,0.2,0.5\nz,failed,,,,,,,\n"
    assert weak(tmp_path, header + rows) == ["c, d"]  # 0.3 against 0.35 of b


def test_a_reports_strategies(tmp_path: Path) -> None:
    columns = [f'"val/IoU/{name} {kind}"' for name in CLASSES for kind in ("mean", "std", "n")]
    values = "0.1,0.0,1,0.5,0.0,1,0.6,0.0,1,0.7,0.0,1,0.4,0.0,1"
    assert weak(tmp_path, f"group,{','.join(columns)}\ng,{values}\n") == ["e"]


@pytest.mark.parametrize(("text", "words"), [
    ('class,IoU\na,0.1\nb,0.1\ne,0.1\n', "'c, d' is missing; give a result of this data set"),
    ('class,IoU\na,0.1\nb,0.1\n"c, d",1\ne,0.1\ntank,0.2\n', "'tank' is none of them"),
    ("epoch,mIoU,IoU/a,IoU/tank\n1,0.1,0.1,0.1\n", "'tank' is none of them"),
    ('class,IoU\na,\nb,\n"c, d",nan\ne,\n', "holds no IoU of any class"),
    ('class,IoU\na,0.1\nb,0.1\n"c, d",1\ne,0.1\na,0.2\n', "class 'a' stands there twice"),
    ('class,IoU\na,0.1\nb,0.1\nc, d,1\ne,0.1\n', "a row has more cells than the header"),
    ('class,pixels\na,5000\nb,1\n"c, d",1\ne,2\n', "expected IoU of 0..1 or percent, found 1..5000"),
    ("class,IoU\na,high\n", "expected numbers behind the class in the first column, found 'high'"),
    ("class\na\n", "found 1 columns and 1 rows"),
    ("class,IoU\n", "found 2 columns and 0 rows"),
    ("", "found 0 columns and 0 rows"),
])  # fmt: skip
def test_a_file_that_cannot_be_used(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(InputError) as caught:
        weak(tmp_path, text)
    assert words in str(caught.value)
    assert str(tmp_path / "earlier.csv") in str(caught.value)
    assert "\n" not in str(caught.value)


def test_no_file_and_no_text(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"can't be read \(No such file or directory\)"):
        weak_classes(tmp_path / "none.csv", CLASSES, None)
    with pytest.raises(InputError, match=r"can't be read \(Is a directory\)"):
        weak_classes(tmp_path, CLASSES, None)
    (tmp_path / "x.csv").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError, match="expected a CSV with a header"):
        weak_classes(tmp_path / "x.csv", CLASSES, None)


def test_the_published_scores_give_seven_of_the_eight_weak_classes_of_voc() -> None:
    voc = load("voc2012")
    found = weak_classes(METHODS, voc.class_names, voc.background)
    assert len(found) == 7
    assert set(found) < set(voc.weak or ())
