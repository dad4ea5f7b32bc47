"""Names of run folders, after a trial's settings."""

import hashlib
import json
from pathlib import Path

from imbseg.trial.fields import FIELDS, WITHOUT_EFFECT, Trial
from imbseg.trial.values import show


def short(trial: Trial) -> str:
    """What tells trials apart for people: data set, strategy, loss, fold, seed."""
    parts = (Path(trial.dataset).stem, trial.strategy, trial.loss, f"fold{trial.fold}", f"seed{trial.seed}")
    return "-".join(parts).replace("/", "-").replace(":", "-").replace("*", "x")  # shells expand a star


def whole(trial: Trial) -> str:
    """The same, and a hash of every setting that isn't at its default: the same settings give the same name."""
    settings = trial.as_json()
    given = {
        name: settings[name]
        for name in sorted(FIELDS)
        if name not in WITHOUT_EFFECT and settings[name] != show(FIELDS[name].default)
    }
    return f"{short(trial)}-{hashlib.sha256(json.dumps(given).encode()).hexdigest()[:8]}"
