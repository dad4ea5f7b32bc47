"""Which images changed most, by hand; what their panels show; and the sentence where nothing can be shown."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import cv2
import numpy as np
import pytest
from binary_tree import make_binary_tree
from PIL import Image
from run_folders import make_run

from imbseg.datasets.spec import load
from imbseg.errors import InputError
from imbseg.meta.build import build
from imbseg.metrics.counts import Counts, collect, image_confusion, save_counts
from imbseg.metrics.predicted import Predicted, Predictions
from imbseg.results import collect as runs
from imbseg.results.example_choice import best_pair, choose
from imbseg.results.example_panels import PALETTE, changed, close_up, colors_of, panels
from imbseg.results.examples import classes_in_question, examples
from imbseg.results.strategies import Group, arrange

CLASSES = ("sky", "road", "pole")
WEIGHTED = {"loss": "weighted_cross_entropy", "class_weights": "inverse_sqrt"}


def counts(ids: Sequence[str], tp: Any, fp: Any, fn: Any) -> Counts:
    """Counts with rows an image, columns a class."""
    parts = [np.array(part, np.int64) for part in (tp, fp, fn)]
    classes = parts[0].shape[1]
    return Counts(np.array(ids), *parts, np.zeros_like(parts[0]), np.zeros((classes, classes), np.int64))


def poles(ids: Sequence[str], found: Sequence[int]) -> Counts:
    """Images of 90 pixels of sky and 10 of pole, of which so many are found."""
    hit = np.array(found)
    nothing = np.zeros_like(hit)
    return counts(ids, np.stack([nothing + 90, nothing, hit], 1), np.stack([10 - hit, nothing, nothing], 1),
                  np.stack([nothing, nothing, 10 - hit], 1))  # fmt: skip


def test_the_images_that_changed_most_by_hand() -> None:
    names = ["e", "d", "c", "b", "a"]
    choice = choose(poles(names, [2, 2, 5, 4, 4]), poles(names, [7, 7, 4, 8, 4]), CLASSES, ["pole"], most=2)
    assert [one.image_id for one in choice.gained] == ["d", "e"]  # both gain .5: by id
    assert [one.image_id for one in choice.lost] == ["c"]
    assert (choice.up, choice.down, choice.same) == (3, 1, 1)
    first = choice.gained[0]
    assert (first.before, first.after, first.change) == (0.2, 0.7, pytest.approx(0.5))
    assert first.text == "gained 0.50 (0.20 to 0.70): pole 0.20 to 0.70"
    assert choice.lost[0].text == "lost 0.10 (0.50 to 0.40): pole 0.50 to 0.40"


def test_the_mean_is_over_the_classes_that_the_truth_shows() -> None:
    # sky 10 / (10 + 10) = .5 -> 15 / (15 + 5) = .75; road is only a false alarm; pole 2 / 10 -> 9 / 10
    before = counts(["a"], [[10, 0, 2]], [[0, 10, 0]], [[10, 0, 8]])
    after = counts(["a"], [[15, 0, 9]], [[0, 90, 0]], [[5, 0, 1]])
    (one,) = choose(before, after, CLASSES, CLASSES).gained
    assert (one.before, one.after) == (pytest.approx(0.35), pytest.approx(0.825))
    assert [(c.name, c.before, c.after) for c in one.classes] == [("pole", 0.2, 0.9), ("sky", 0.5, 0.75)]


def test_an_image_without_the_classes_or_with_a_speck_of_them_is_left_out() -> None:
    before = counts(["none", "speck"], [[9, 0, 0], [2000, 0, 0]], [[0, 0, 0]] * 2, [[0, 0, 0], [0, 0, 1]])
    after = counts(["none", "speck"], [[0, 0, 0], [2000, 0, 1]], [[0, 9, 0], [0, 0, 0]], [[9, 0, 0], [0, 0, 0]])
    choice = choose(before, after, CLASSES, ["pole"])
    assert (choice.gained, choice.lost, choice.up + choice.down + choice.same) == ((), (), 0)
    assert [one.image_id for one in choose(before, after, CLASSES, ["pole"], least=0).gained] == ["speck"]


def test_the_order_of_the_images_may_differ_but_not_the_images() -> None:
    before, after = poles(["a", "b"], [1, 5]), poles(["b", "a"], [5, 4])
    assert [one.text for one in choose(before, after, CLASSES, ["pole"]).gained] == [
        "gained 0.30 (0.10 to 0.40): pole 0.10 to 0.40"
    ]
    with pytest.raises(InputError, match=r"different images \(2 and 2; only one has b\)"):
        choose(before, poles(["a", "c"], [5, 4]), CLASSES, ["pole"])
    with pytest.raises(InputError, match="other masks of the same images"):
        choose(before, counts(["a", "b"], [[1, 1, 1]] * 2, [[0] * 3] * 2, [[0] * 3] * 2), CLASSES, ["pole"])
    with pytest.raises(InputError, match="classes tree: expected some of sky, road, pole"):
        choose(before, after, CLASSES, ["tree"])


def test_the_best_strategy_and_the_seed_nearest_its_mean(tmp_path: Path) -> None:
    for seed, pole in ((1, 0.6), (2, 0.3), (3, 0.1)):  # the mean gain is .233: seed 2 with .2
        make_run(tmp_path / f"plain{seed}", test=(0.8, 0.6, 0.1), seed=seed)
        make_run(tmp_path / f"weighted{seed}", test=(0.8, 0.6, pole), seed=seed, **WEIGHTED)
    make_run(tmp_path / "focal1", test=(0.9, 0.9, 0.3), seed=1, loss="focal")
    pair = best_pair(group_of(tmp_path))
    assert (pair.strategy, pair.score, pair.seeds) == ("weighted_cross_entropy", "tail", 3)
    assert (pair.before.name, pair.after.name) == ("plain2", "weighted2")


def group_of(root: Path) -> Group:
    return arrange(runs.collect(root), root).groups[0]


def labelled(image_id: str, truth: np.ndarray, prediction: np.ndarray) -> Predicted:
    picture = np.random.default_rng(0).integers(0, 256, (*truth.shape, 3), np.uint8)
    return Predicted(image_id, picture, truth, prediction)


def test_a_close_up_holds_what_changed_in_its_middle() -> None:
    changes = np.zeros((300, 600), bool)
    assert close_up(changes) == (0, 0, 600, 300)
    changes[140:150, 310:330] = True
    assert close_up(changes) == (219, 94, 200, 100)  # a third of each side; the middle is (319, 144)
    changes[0, 0] = changes[299, 599] = True  # two pixels far away count little
    assert close_up(changes) == (219, 94, 200, 100)
    changes[::10] = True
    assert close_up(changes) == (0, 0, 600, 300)
    corner = np.zeros((300, 600), bool)
    corner[299, 0] = True
    assert close_up(corner) == (0, 200, 200, 100)
    assert close_up(np.ones((1, 1), bool)) == (0, 0, 1, 1)


def test_right_wrong_and_missed_pixels_look_different() -> None:
    truth = np.zeros((40, 40), np.uint8)
    truth[:10], truth[10:20], truth[20:30] = 2, 1, 255
    miss, hit = np.zeros_like(truth), np.full_like(truth, 2)
    old, new = labelled("a", truth, miss), labelled("a", truth, hit)
    (image, shown, before, after), window = panels(old, new, {2: (255, 0, 0)})
    assert window == (0, 0, 40, 40)
    assert {one.shape for one in (image, shown, before, after)} == {(320, 320, 3)}
    reddish = [(picture[..., 0] > 200) & (picture[..., 1] < 60) for picture in (shown, before, after)]
    assert reddish[0][:80].all()
    assert not reddish[0][80:].any()
    assert (before[:80] == 255).all()  # missed
    assert not reddish[1].any()
    assert reddish[2][:80].all()  # found
    false_alarm = after[80:160]
    assert 0.2 < (false_alarm == 0).all(axis=2).mean() < 0.5  # striped
    assert reddish[2][80:160].mean() > 0.5
    assert not reddish[2][160:240].any()  # ignored pixels are judged in no way
    assert reddish[2][240:].mean() > 0.5
    grey = before[80:]
    assert (grey[..., 0] == grey[..., 2]).all()  # what isn't in question keeps no colour


def test_what_changed_is_labelled_and_of_the_classes() -> None:
    truth = np.array([[0, 0, 255, 2]], np.uint8)
    before, after = np.array([[0, 0, 0, 0]], np.uint8), np.array([[1, 2, 2, 0]], np.uint8)
    found = changed(labelled("a", truth, before), labelled("a", truth, after), [2])
    assert found.tolist() == [[False, True, False, False]]


def test_colours_lie_apart_for_any_number_of_classes() -> None:
    assert colors_of(3) == list(PALETTE[:3])
    assert len(set(colors_of(60))) == 60


SHAPES = {"wide": (30, 500), "high": (400, 90), "a/b <i>&": (64, 64), "d": (48, 64)}


class Network:
    """A stand-in for `predict`: finds the left half of a pole, or all of it."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def truth(self, image_id: str) -> np.ndarray:
        truth = np.zeros(SHAPES[image_id], np.uint8)
        truth[5:25, 20:40] = 2
        return truth

    def labels(self, run: str, image_id: str) -> np.ndarray:
        labels = self.truth(image_id)
        worse = (run == "plain") != (image_id == "d")  # the one image that loses
        labels[:, 30:] = 0 if worse else labels[:, 30:]
        return labels

    def __call__(self, folder: Path, ids: Sequence[str]) -> Predictions:
        self.asked.append(folder.name)
        images = (labelled(one, self.truth(one), self.labels(folder.name, one)) for one in ids)
        return Predictions(tuple(images), f"{folder.name}: a doubt" if folder.name == "plain" else "")


def pair_of_runs(root: Path, network: Network, classes: tuple[str, ...] = CLASSES) -> Group:
    for name, more in (("plain", {}), ("weighted", WEIGHTED)):
        folder = make_run(root / name, classes=classes, tail=classes[-1:], test=(0.8, 0.6, 0.3 if more else 0.1),
                          about={"dataset_file": "none"}, **more)  # fmt: skip
        (folder / "best.pt").write_text(name, encoding="utf-8")
        confusions = [image_confusion(network.labels(name, one), network.truth(one), 3) for one in SHAPES]
        save_counts(folder / "counts_test.npz", collect(list(SHAPES), confusions))
    return group_of(root)


def test_rows_of_small_pictures_and_one_png(tmp_path: Path) -> None:
    network, out = Network(), tmp_path / "report"
    shown = examples(pair_of_runs(tmp_path / "runs", network), network, out, wanted=["pole"], most=2)
    assert [row.image_id for row in shown.rows] == ["a/b <i>&", "high", "d"]
    assert [round(row.change, 2) for row in shown.rows] == [0.5, 0.5, -0.5]
    assert (shown.said, shown.doubts, shown.file) == ("", ("plain: a doubt",), "examples.png")
    assert "from cross_entropy to weighted_cross_entropy, seed 1, by the mean IoU of pole" in shown.title
    assert "3 gained, 1 lost, 0 stayed the same" in shown.title
    assert [key.text for key in shown.legend][:1] == ["pole"]
    assert shown.legend[0].css == "#e69f00"
    titles = [panel.title for panel in shown.rows[0].panels]
    assert titles[1:] == ["truth", "baseline: cross_entropy", "strategy: weighted_cross_entropy"]
    assert shown.rows[0].panels[3].alt == "a/b <i>&, strategy: weighted_cross_entropy: pole IoU 1.00"
    for row in shown.rows:
        for panel in row.panels:
            picture = Image.open(io.BytesIO(panel.data))
            assert (picture.format, panel.mime) == ("WEBP", "image/webp")
            assert max(picture.size) == 320
    with Image.open(out / "examples.png") as sheet:
        assert sheet.width > 4 * 120
    assert sorted(one.name for one in (out / "examples").iterdir()) == [
        "examples-baseline.npz", "examples-strategy.npz"
    ]  # fmt: skip


def test_a_second_report_asks_no_network_unless_it_is_another(tmp_path: Path) -> None:
    network, out = Network(), tmp_path / "report"
    group = pair_of_runs(tmp_path / "runs", network)
    first = examples(group, network, out, wanted=["pole"])
    assert network.asked == ["plain", "weighted"]
    assert examples(group, network, out, wanted=["pole"]) == first
    assert network.asked == ["plain", "weighted"]
    (tmp_path / "runs" / "weighted" / "best.pt").write_text("trained again", encoding="utf-8")
    (out / "examples" / "examples-baseline.npz").write_bytes(b"PK cut short")
    assert examples(group, network, out, wanted=["pole"]) == first
    assert network.asked == ["plain", "weighted"] * 2


def test_hostile_names_stay_plain_text(tmp_path: Path) -> None:
    names = ("sky", "\"><script>alert('1')</script>\n", "猫 " * 40)
    network = Network()
    shown = examples(pair_of_runs(tmp_path / "runs", network, names), network, tmp_path, wanted=names[2:])
    assert shown.legend[0].text == names[2]
    assert shown.rows
    assert (tmp_path / "examples.png").is_file()


def missing_checkpoint(folder: Path, ids: Sequence[str]) -> Predictions:
    raise InputError(f"{folder / 'best.pt'} is missing: put it back")


@pytest.mark.parametrize(("predict", "words"), [
    (missing_checkpoint, "plain/best.pt is missing: put it back"),
    (None, "scores alone hold no images"),
])  # fmt: skip
def test_without_networks_a_sentence_and_no_stale_picture(tmp_path: Path, predict: Any, words: str) -> None:
    (tmp_path / "examples.png").write_bytes(b"of an earlier report")
    shown = examples(pair_of_runs(tmp_path / "runs", Network()), predict, tmp_path, wanted=["pole"])
    assert shown.said.startswith("No pictures of the images that changed most: ")
    assert words in shown.said
    assert (shown.rows, shown.file) == ((), "")
    assert not (tmp_path / "examples.png").exists()


def test_broken_counts_no_rival_and_no_data_set_are_sentences(tmp_path: Path) -> None:
    group = pair_of_runs(tmp_path / "runs", Network())
    assert "unknown data set 'tiny'" in examples(group, Network(), tmp_path).said
    file = tmp_path / "runs" / "weighted" / "counts_test.npz"
    whole = file.read_bytes()
    for cut in (whole[:100], whole[:-30], b"", whole.replace(b"\x00", b"\x01")):
        file.write_bytes(cut)
        assert "counts_test.npz" in examples(group, Network(), tmp_path, wanted=["pole"]).said
    make_run(tmp_path / "alone" / "a")
    assert "no strategy shares a seed" in examples(group_of(tmp_path / "alone"), Network(), tmp_path).said


def test_a_full_disk_is_no_matter_of_the_pictures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    group, blocked = pair_of_runs(tmp_path / "runs", Network()), tmp_path / "report"
    blocked.mkdir()
    (blocked / "examples").write_text("a file where the folder goes", encoding="utf-8")
    with pytest.raises(OSError, match=r"File exists|Not a directory"):
        examples(group, Network(), blocked, wanted=["pole"])


def test_the_tail_of_the_data_set_counts_else_all_but_the_background(tmp_path: Path) -> None:
    file = make_binary_tree(tmp_path / "cracks", n=8, size=(32, 32))
    dataset = load(str(file))
    build(dataset, tmp_path / "meta", workers=1, seed=1)
    about = {"parameters": {"dataset": str(file), "root": None, "meta": str(tmp_path / "meta")},
             "weights_of_classes": {"background": 1.0, "crack": 1.0}}  # fmt: skip
    for score in ("tail", "mIoU"):
        pair: Any = SimpleNamespace(after=SimpleNamespace(about=about), score=score)
        assert classes_in_question(pair) == ("crack",)
    other: Any = {**about, "weights_of_classes": {"background": 1.0, "scratch": 1.0}}
    with pytest.raises(InputError, match="declares other classes than the trial had"):
        classes_in_question(SimpleNamespace(after=SimpleNamespace(about=other), score="tail"))  # type: ignore[arg-type]


def test_a_large_set_stays_below_a_megabyte() -> None:
    from imbseg.results.examples import encoded

    noise = np.random.default_rng(0).integers(0, 256, (60, 80, 3), np.uint8)  # no photograph is as hard as noise
    photo = np.asarray(cv2.resize(noise, (320, 240), interpolation=cv2.INTER_CUBIC), np.uint8)
    assert len(encoded(photo)) * 24 < 1_000_000
