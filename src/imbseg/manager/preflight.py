"""What would make an experiment fail is found before it starts: within seconds, as one sentence."""

import contextlib
import socket
import subprocess
from collections.abc import Iterable
from pathlib import Path

from imbseg import trial
from imbseg.errors import InputError
from imbseg.files import REPOSITORY, free_bytes
from imbseg.manager import config, launch, orphans, space
from imbseg.meta import read as meta
from imbseg.meta.unchanged import check_masks

LEAST_FREE_BYTES = 1 << 30
GPU_TIMEOUT_S = 4.0


def check(path: Path, port: int) -> list[str]:
    """Check a config and this machine for it.

    Args:
        port: where its manager is to listen.

    Returns:
        Lines that say what was checked.

    Raises:
        InputError: anything that would let the experiment fail.
    """
    launch.nnictl()
    given = config.read(path)
    check_platform(given)
    if str(given.tuner.get("name")).lower() == "hyperband":
        ours = "className: imbseg.tuning.nni_tuner.Hyperband and codeDirectory: ../src"
        raise InputError(f"{path}: advisor: NNI 3.0's own Hyperband dies at its first result; write {ours}")
    check_port(port)
    # Trials run in the code folder: paths among their flags are relative to it.
    with contextlib.chdir(given.code):
        trials = check_trials(given)
        if given.platform == "local":
            check_data(trials)
            check_gpu(given, trials)
    check_disk([given.work, REPOSITORY / "data"])
    return [
        f"checked {path}: {len(trials)} settings of the search space fit, data, meta, port {port} and disk are there"
    ]


def check_trials(given: config.Config) -> list[trial.Resolved]:
    """Let Trial judge every choice of the search space, together with the command's flags."""
    flags = trial.parse_flags(given.flags())
    try:
        space.check_ranges(given.space)
    except InputError as error:
        raise InputError(f"{given.path}: {error}") from error
    found = []
    budget = {} if given.most_epochs is None else {"epochs": given.most_epochs}
    for sampled in ({**one, **budget} for one in space.samples(given.space)):
        twice = _named(flags) & _named(trial_names(sampled))
        if twice:
            name = sorted(twice)[0]
            other = "is what the advisor's budget sets" if name in budget else "in the search space"
            raise InputError(f"{given.path}: {name} stands in trialCommand and {other}; take it out of one")
        try:
            found.append(trial.resolve(flags, sampled))
        except InputError as error:
            raise InputError(f"{given.path}: a trial with {sampled} can't run: {error}") from error
    return found


def trial_names(sampled: dict[str, object]) -> list[str]:
    """Every name that a sample sets, those of nested choices included."""
    names = []
    for name, value in sampled.items():
        names.append(name)
        if isinstance(value, dict):
            names += trial_names({inner: part for inner, part in value.items() if inner != "_name"})
    return names


def _named(names: Iterable[str]) -> set[str]:
    """`strategy` sets its four parts, so a part beside it is set twice, too."""
    parts = {"imbalance", "split", "sampling", "copy_paste"}
    given = set(names)
    return given | parts if "strategy" in given else given


def check_data(trials: list[trial.Resolved]) -> None:
    """The data set's root and the meta columns that the trials train by are there."""
    seen, checked = set(), set()
    for resolved in trials:
        dataset, settings = resolved.dataset, resolved.trial
        column = meta.fold_column(settings.imbalance, settings.split, settings.seed_of_split)
        folder = meta.meta_folder(dataset, settings.meta)
        if (folder, dataset.root, column) in seen:
            continue
        seen.add((folder, dataset.root, column))
        meta.check_header(dataset, folder, column)
        # A trial goes by the root that make_meta.py recorded where the data set's own isn't there.
        if not dataset.root.is_dir() and not Path(meta.read_manifest(dataset, folder)["root"]).is_dir():
            raise dataset.missing_root()
        if (folder, dataset.root) not in checked:
            check_masks(dataset, folder)
        checked.add((folder, dataset.root))


def check_platform(given: config.Config) -> None:
    """The guard's manager is reached through loopback only: other machines need a tunnel to it.

    Remote machines without reuseMode answer for the manager, and don't know what it lists for a trial.
    """
    if given.platform == "remote" and not given.service.get("reuseMode"):
        why = "platform remote without reuseMode: a trial can't ask which parameters are its own"
        raise InputError(f"{given.path}: {why}; set trainingService.reuseMode to true")
    manager = given.raw.get("nniManagerIp")  # with reuseMode NNI passes over that of trainingService
    if given.platform != "local" and manager not in ("127.0.0.1", "localhost"):
        why = f"platform {given.platform}: the guarded manager listens on 127.0.0.1 only"
        other = "tunnel the workers there, or use plain nnictl create"
        raise InputError(f"{given.path}: {why}; set nniManagerIp: 127.0.0.1 beside trainingService, and {other}")


def check_gpu(given: config.Config, trials: list[trial.Resolved]) -> None:
    """GPUs that the config or a trial asks for are there, and NNI's key for them."""
    asked = given.gpus or 0
    if asked and "useActiveGpu" not in given.service:
        both = "'useActiveGpu: false' (wait for a free GPU) or 'true' (share one in use)"
        raise InputError(f"{given.path}: trialGpuNumber {asked} needs useActiveGpu in trainingService; write {both}")
    cuda = any(resolved.trial.device.startswith("cuda") for resolved in trials)
    if cuda and given.gpus == 0:
        why = "device cuda, but trialGpuNumber 0 hides every GPU from the trials"
        raise InputError(f"{given.path}: {why}; set it to 1")
    if not asked and not cuda:
        return
    found = gpus()
    if found < max(asked, 1):
        why = f"asks for {max(asked, 1)} GPU(s) a trial, nvidia-smi finds {found}"
        raise InputError(f"{given.path}: {why}; take out trialGpuNumber (and --device cuda) to train on the CPU")


def gpus() -> int:
    """How many GPUs nvidia-smi lists; 0 where it isn't there or doesn't answer."""
    try:
        command = ["nvidia-smi", "--list-gpus"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=GPU_TIMEOUT_S, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return 0
    return sum(line.startswith("GPU ") for line in done.stdout.splitlines()) if done.returncode == 0 else 0


def check_port(port: int) -> None:
    """Nothing else listens on the port."""
    if not 1 <= port <= 65535:
        raise InputError(f"--port: expected 1 to 65535, found {port}")
    if port_is_free(port):
        return
    other = next((near for near in range(port + 1, min(port + 200, 65536)) if port_is_free(near)), None)
    hint = f"take --port {other}" if other else "take another --port"
    if experiment := orphans.manager_on(port):
        hint += f", or stop it: nnictl stop {experiment} (if its run_experiment.py was killed it stops within 10 s)"
    whose = f"by experiment {experiment}" if experiment else "by another program"
    raise InputError(f"port {port} is taken {whose}; {hint}")


def port_is_free(port: int) -> bool:
    """Whether this process could listen on every interface at that port."""
    for address in ("127.0.0.1", "0.0.0.0"):
        with socket.socket() as probe:
            # Without it a port just left by a stopped manager would count as in use for a minute.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((address, port))
            except OSError:
                return False
    return True


def check_disk(folders: Iterable[Path]) -> None:
    """Each place that will be written has some room."""
    for folder in folders:
        free = free_bytes(folder)
        if free < LEAST_FREE_BYTES:
            raise InputError(f"{folder}: {free >> 20} MiB free, expected at least {LEAST_FREE_BYTES >> 20}; make room")
