from __future__ import annotations

import math
from pathlib import Path

import pytest
from pydantic import ValidationError

from imbseg import menu
from imbseg.errors import InputError
from imbseg.losses import CLASS_WEIGHTS, LOSSES
from imbseg.trial import Trial, parse_flags, resolve
from imbseg.trial.fields import FIELDS, kind_of, read
from imbseg.trial.remedies import MENUS, known, takes
from imbseg.trial.values import show

REPOSITORY = Path(__file__).resolve().parents[2]
VOC = {"dataset": "voc2012"}


def test_the_defaults_are_the_published_ones() -> None:
    trial = resolve(VOC, {}).trial
    assert (trial, trial.loss) == (Trial(), "focal")
    assert (trial.encoder, trial.lr, trial.encoder_lr, trial.batch_size) == ("resnet101", 0.01, 0.0001, 8)
    assert (trial.crop, trial.epochs, trial.patience, trial.optimizer) == ((512, 512), 200, 11, "sgd")


def test_every_default_passes_its_own_check() -> None:
    for name, field in FIELDS.items():
        assert read({name: show(field.default)}) == {name: field.default}


def test_flag_then_sampled_then_dataset_then_default() -> None:
    resolved = resolve({"dataset": "camvid", "epochs": "7"}, {"lr": 0.5, "seed": 3})
    assert (resolved.trial.epochs, resolved.trial.lr, resolved.trial.resize) == (7, 0.5, (256, 192))
    assert (resolved.trial.momentum, resolved.trial.seed) == (0.9, 3)
    found = {name: resolved.sources[name] for name in ("epochs", "lr", "resize", "momentum")}
    assert found == {"epochs": "flag", "lr": "sampled", "resize": "dataset", "momentum": "default"}


def test_a_strategy_is_four_fields() -> None:
    trial = resolve({**VOC, "strategy": "imbalanced/mskf/label/none"}, {}).trial
    assert (trial.imbalance, trial.split, trial.sampling, trial.copy_paste) == ("imbalanced", "mskf", "label", "none")
    assert trial.strategy == "imbalanced/mskf/label/none"
    assert resolve({**VOC, "strategy": "full/mskf/x2/none", "split": "mskf"}, {}).trial.split == "mskf"


def test_a_nested_choice_opens() -> None:
    trial = resolve(VOC, {"loss": {"_name": "focal", "gamma": 1.5, "alpha": 0.25}}).trial
    assert (trial.loss, trial.gamma, trial.alpha) == ("focal", 1.5, 0.25)


def test_weighted_cross_entropy_has_its_own_scheme() -> None:
    assert resolve({**VOC, "loss": "weighted_cross_entropy"}, {}).trial.class_weights == "inverse_sqrt"
    assert resolve({**VOC, "loss": "cross_entropy"}, {}).trial.class_weights == "none"
    named = {**VOC, "loss": "weighted_cross_entropy", "class_weights": "inverse"}
    assert resolve(named, {}).trial.class_weights == "inverse"


def test_a_weighted_sum() -> None:
    trial = resolve({**VOC, "loss": "weighted_cross_entropy+0.5*tversky", "beta": "0.8"}, {}).trial
    assert (trial.loss, trial.class_weights) == ("weighted_cross_entropy+0.5*tversky", "inverse_sqrt")
    assert trial.beta == 0.8
    sampled = resolve(VOC, {"loss": {"_name": "ohem+dice", "ohem_share": 0.5, "class_weights": "inverse"}}).trial
    assert (sampled.loss, sampled.ohem_share, sampled.class_weights) == ("ohem+dice", 0.5, "inverse")


BAD = [
    ({"strategy": "imbalanced/mskf/nosuch/none"}, {}, "unknown sampling 'nosuch'; choose from: none, x2"),
    ({"strategy": "full/random"}, {}, "four parts"),
    ({"strategy": "full/mskf/x2/none", "split": "random"}, {}, "disagrees with the strategy"),
    ({}, {"strategy": "full/mskf/x2/none", "sampling": "label"}, "disagrees with the strategy"),
    ({"loss": "nosuch"}, {}, "choose from: cross_entropy, weighted_cross_entropy, focal, softmax_focal"),
    ({"loss": "focl"}, {}, "did you mean 'focal'"),
    ({}, {"leraning_rate": 0.1}, "unknown setting 'leraning_rate'"),
    ({}, {"seeds": 1}, "did you mean 'seed'"),
    ({"lr": "inf"}, {}, "lr: expected a number > 0"),
    ({"epochs": "1.5"}, {}, "epochs: expected a whole number"),
    ({}, {"epochs": 2.5}, "epochs: expected a whole number"),
    ({"crop": "16"}, {}, "at least 32 pixels"),
    ({"architecture": "unett"}, {}, "unknown architecture 'unett' (did you mean 'unet'?); choose from: deeplabv3plus"),
    ({"architecture": "unet", "atrous_rates": "fit"}, {}, "atrous_rates: architecture 'unet' has no such param"),
    ({"architecture": "linknet", "decoder_width": "64"}, {}, "has no such parameter (its own: none); leave it out"),
    ({"architecture": "unetplusplus", "encoder": "mit_b0"}, {}, "'mit_b0': gives no map at stride 2, which unetplus"),
    ({"architecture": "pan", "encoder": "vgg16"}, {}, "'vgg16': can't be dilated, which pan needs"),
    ({"architecture": "pan", "crop": "96x256"}, {}, "crop: pan takes sides of at least 128 pixels, found 96x256"),
    ({"decoder_stride": "3"}, {}, "decoder_stride: expected 4 or 2, found 3"),
    ({"decoder_stride": "2", "encoder": "mit_b0"}, {}, "decoder_stride: encoder 'mit_b0' gives no map at stride 2"),
    ({"atrous_rates": "smp", "crop": "160"}, {}, "smp dilates by 12, 24, 36, longer than the map of 10 x 10 cells"),
    ({"crop": "none"}, {}, "needs a resize"),
    ({"crop": "big"}, {}, "a size in pixels such as 512 or 256x192"),
    ({"encoder": "nosuch"}, {}, "unknown encoder 'nosuch'"),
    ({"encoder": "vgg16"}, {}, "'vgg16': can't be dilated"),
    ({"output_stride": "12"}, {}, "output_stride: expected 8 or 16"),
    ({"scale_min": "3"}, {}, "above scale_max"),
    ({"channels_last": "maybe"}, {}, "channels_last: expected true or false"),
    ({"amp": "true"}, {}, "amp: is no setting any more; write precision: float16"),
    ({}, {"loss": {"_name": "focal", "amp": False}}, "amp: is no setting any more; write precision: float16"),
    ({"precision": "half"}, {}, "unknown precision 'half'; choose from: float32, tf32, bfloat16, float16"),
    ({"optimizer": "adam"}, {}, "choose from: sgd, adamw"),
    ({"loss": "cross_entropy", "gamma": "1"}, {}, "gamma: loss 'cross_entropy' has no such parameter"),
    ({"loss": "softmax_focal", "alpha": "0.5"}, {}, "alpha: loss 'softmax_focal' has no such parameter"),
    ({"sampling": "label", "positive_share": "0.3"}, {}, "positive_share: sampling 'label' has no such parameter"),
    ({"sampling": "repeat_factor", "positive_share": "1"}, {}, "(its own: repeat_threshold, repeat_exponent)"),
    ({"paste_probability": "0.5"}, {}, "paste_probability: copy_paste 'none' has no such parameter (its own: none)"),
    ({"copy_paste": "weak", "rare_objects": "9"}, {}, "rare_objects: copy_paste 'weak' has no such parameter"),
    ({"copy_paste": "rare", "weak_from": "x.csv"}, {}, "paste_memory); leave it out"),
    ({}, {"copy_paste": {"_name": "adaptive", "weak_from": "x"}}, "weak_from: copy_paste 'adaptive' has no such"),
    ({"copy_paste": "weak", "weak_from": "/no/x.csv"}, {}, "weak_from /no/x.csv: can't be read (No such file"),
    ({"dataset": "camvid", "copy_paste": "weak"}, {}, "declares no 'weak' classes, which copy_paste 'weak' pastes"),
    ({"copy_paste": "rare", "rare_objects": "few"}, {}, "a whole number >= 1, or median, found 'few'"),
    ({"copy_paste": "rare", "rare_objects": "0"}, {}, "a whole number >= 1, or median, found 0"),
    ({"copy_paste": "rare", "paste_scale_min": "2"}, {}, "paste_scale_min: 2.0 is above paste_scale_max 1.5; swap"),
    ({"loss": "lovasz", "class_weights": "inverse"}, {}, "class_weights: loss 'lovasz' has no such parameter"),
    ({"loss": "dice+0.5*lovasz", "gamma": "2"}, {}, "gamma: loss 'dice+0.5*lovasz' has no such parameter (its own: cl"),
    ({}, {"loss": {"_name": "tversky", "tau": 1}}, "(its own: class_weights, beta); leave it out"),
    ({"loss": "dice+nosuch"}, {}, f"unknown loss 'nosuch'; choose from: {', '.join(LOSSES)}"),
    ({"loss": "0*dice"}, {}, "expected a weight > 0 before '*dice'"),
    ({"gamma": "0.5"}, {}, "gamma: expected 0 or a number >= 1, found 0.5; in between, the gradient of a focal"),
    ({"split": "given"}, {}, "has no 'val' subset"),
    ({"split": "grouped"}, {}, "declares no 'group', by which the split 'grouped' keeps images together"),
    ({"seed": "9"}, {}, "seed 9: the splits in meta have seeds 1 to 5; name one of them with split_seed"),
    ({"seed": "9" * 400}, {}, f"seed: expected a whole number >= 0 and <= 2.14748e+09, found {'9' * 40}... (400 char"),
    ({"seed": "9" * 5000}, {}, f"seed: expected a whole number >= 0 and <= 2.14748e+09, found '{'9' * 39}... (5002 ch"),
    ({}, {"seed": 10**400}, "seed: expected a whole number >= 0 and <= 2.14748e+09, found 1000"),
    ({}, {"lr": 10**400}, "lr: expected a number > 0 and <= 1e+30, found 1000"),
    ({"lr": "9" * 400}, {}, "lr: expected a number > 0 and <= 1e+30, found inf"),
    ({"epochs": "1_0"}, {}, "epochs: expected a whole number >= 1, found '1_0'"),
    ({"seed": "\u0663"}, {}, "seed: expected a whole number"),
    ({"crop": "9" * 400}, {}, "crop: expected sides of at least 32 pixels, which the network takes, and at most 16384"),
    ({"crop": "1_28"}, {}, "crop: expected a size in pixels"),
    ({}, {"crop": 96.5}, "(width x height) >= 32 and <= 16384, or none, found 96.5"),
    ({}, {"crop": [96, True]}, "crop: expected a size in pixels"),
    ({}, {"root": 5}, "root: expected a text, or none, found 5"),
    ({}, {"root": 0.5}, "root: expected a text, or none, found 0.5"),
    ({"dataset": "none"}, {}, "dataset: expected a text, found none"),
    ({}, {"loss": {"_name": "focal", "gamma": 2}, "gamma": 3}, "gamma: is given inside a nested choice and once more"),
    ({}, {"gamma": 3, "loss": {"_name": "focal", "gamma": 2}}, "gamma: is given inside a nested choice and once more"),
    ({}, {"loss": {"_name": "focal", "loss": "dice"}}, "loss: is given inside a nested choice and once more beside it"),
    ({"seed": "1"}, {"seed": 2}, "the flag says '1', NNI sampled 2"),
    ({"dataset": "nosuch"}, {}, "unknown data set 'nosuch'; choose from: camvid, coffee, idrid, sample, voc2012"),
    ({"dataset": "./nosuch.yml"}, {}, "no such file"),
    ({"dataset": "camvid", "strategy": "imbalanced/mskf/none/none"}, {}, "declares no 'imbalance'"),
    ({"dataset": "camvid", "split": "given", "fold": "1"}, {}, "the split 'given' has one validation set"),
]  # fmt: skip


@pytest.mark.parametrize(("flags", "sampled", "message"), BAD)
def test_bad_settings_are_refused(flags: dict, sampled: dict, message: str) -> None:
    with pytest.raises(InputError) as caught:
        resolve({**VOC, **flags}, sampled)
    assert message in str(caught.value)


NUMBERS = [name for name in FIELDS if kind_of(name).type in ("int", "float") and not kind_of(name).choices]


@pytest.mark.parametrize("name", NUMBERS)
def test_a_number_is_kept_within_its_bounds(name: str) -> None:
    kind = kind_of(name)
    for bound, sign, is_open in ((kind.low, -1, kind.open_low), (kind.high, 1, kind.open_high)):
        step = 1 if kind.type == "int" else max(1e-9, 1e-9 * abs(bound))
        beyond = bound if is_open else bound + sign * step
        if math.isfinite(bound):
            with pytest.raises(InputError, match=rf"^{name}: expected a .*number .*found "):
                read({name: beyond})
            inside = bound - sign * step if is_open else bound
            assert read({name: inside}) == {name: inside}
    for value in ("nan", "cold", True):
        with pytest.raises(InputError, match=rf"^{name}: expected a "):
            read({name: value})


def test_a_data_set_that_is_a_number_is_refused() -> None:
    with pytest.raises(InputError, match="dataset: expected a text, found 5"):
        resolve({}, {"dataset": 5})


@pytest.mark.parametrize("flags", [["--loss", "dice+mine:soft_iou"], ["--loss=mine:soft_iou"], ["--loss", "dice"]])
def test_an_unknown_flag_beside_an_own_function_says_that_its_arguments_are_fixed(flags: list[str]) -> None:
    with pytest.raises(InputError, match="unknown flag '--factor'") as raised:
        parse_flags([*flags, "--factor", "2"])
    assert ("write a second function for another value" in str(raised.value)) == ("mine" in flags[-1])


@pytest.mark.parametrize("given", ["none", "NULL"])
def test_root_none_is_the_files_own(given: str) -> None:
    resolved = resolve({"dataset": "sample", "root": given}, {})
    assert resolved.trial.root is None
    assert resolved.dataset.root == REPOSITORY / "data/raw/sample"


def test_null_in_a_data_sets_trial(tmp_path: Path) -> None:
    file = tmp_path / "own.yml"
    text = (REPOSITORY / "data/datasets/camvid.yml").read_text().partition("\ntrial:")[0]
    file.write_text(text + "\ntrial: {class_weights: null, sampling: null, crop: 96.0}\n")
    trial = resolve({"dataset": str(file), "loss": "weighted_cross_entropy"}, {"strategy": "full/mskf/none/none"}).trial
    assert (trial.class_weights, trial.sampling, trial.crop) == ("none", "none", (96, 96))


def test_split_seeds_are_those_of_the_columns() -> None:
    from imbseg.meta.folds import SEEDS

    assert (kind_of("split_seed").low, kind_of("split_seed").high) == (min(SEEDS), max(SEEDS))
    assert resolve({**VOC, "seed": "9", "split_seed": "5"}, {}).trial.seed == 9
    assert resolve({"dataset": "camvid", "split": "given", "seed": "9"}, {}).trial.seed == 9


def test_flags_are_read_and_unknown_ones_refused() -> None:
    assert parse_flags(["--dataset", "sample", "--lr", "1e-3"]) == {"dataset": "sample", "lr": "1e-3"}
    with pytest.raises(InputError, match="did you mean '--epochs'"):
        parse_flags(["--epoch", "3"])
    with pytest.raises(InputError, match="expected one argument"):
        parse_flags(["--epochs"])


def test_trial_is_frozen_and_json_gives_it_back() -> None:
    trial = resolve({"dataset": "camvid", "strategy": "full/given/label/none"}, {}).trial
    with pytest.raises(ValidationError, match="frozen"):
        trial.lr = 1.0  # type: ignore[misc]
    taken = {name for axis in MENUS for name in takes(axis, getattr(trial, axis))}
    of_others = {name for axis in MENUS for name in known(axis)} - taken
    own = {name: value for name, value in trial.as_json().items() if name not in of_others}
    assert resolve({}, own).trial == trial


def test_rules_of_copy_paste_take_their_own_parameters() -> None:
    trial = resolve(VOC, {"strategy": "full/mskf/x2/rare", "rare_objects": "median"}).trial
    assert (trial.copy_paste, trial.rare_objects) == ("rare", "median")
    nested = resolve(VOC, {"copy_paste": {"_name": "rare", "rare_objects": 30, "paste_ring": 0}}).trial
    assert (nested.rare_objects, nested.paste_ring) == (30, 0)
    assert resolve({**VOC, "copy_paste": "weak"}, {}).trial.weak_from is None
    assert resolve({"dataset": "camvid"}, {}).trial.paste_max_share == 0.1  # declared, and without effect by itself


@pytest.mark.parametrize("axis", MENUS)
def test_every_menu_entry_resolves_and_states_what_it_takes(axis: str) -> None:
    names = MENUS[axis]
    for name in names:
        function = menu.choose(names, name, axis)
        assert function.__doc__, name
        code = function.__code__
        assert menu.arguments(names, name) == code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
    assert set(known(axis)) == {setting for name in names for setting in takes(axis, name)} <= set(FIELDS)


def test_help_lists_every_flag_and_choice(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parse_flags(["--help"])
    words = " ".join(capsys.readouterr().out.split())
    for name in (*LOSSES, *CLASS_WEIGHTS, "mskf", "label", "imbalanced", "adamw"):
        assert name in words
    assert set(FIELDS) <= {word.removeprefix("--") for word in words.split() if word.startswith("--")}


def test_an_advisors_budget_is_the_epochs() -> None:
    resolved = resolve({"dataset": "sample"}, {"TRIAL_BUDGET": 3})
    assert (resolved.trial.epochs, resolved.sources["epochs"]) == (3, "sampled")
    with pytest.raises(InputError, match="epochs: the flag says '4', NNI sampled 3"):
        resolve({"dataset": "sample", "epochs": "4"}, {"TRIAL_BUDGET": 3})
