"""What keeps runs apart, in sentences: settings and data that forbid a comparison, versions that only cast doubt."""

import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from imbseg.errors import listed
from imbseg.runs.collect import Run
from imbseg.runs.strategies import Group

LISTED = 5  # classes that a sentence names
Ask = Callable[[Run], Any]
FORBID: dict[str, Ask] = {
    "data set": lambda run: Path(str(run.parameters.get("dataset"))).stem,
    "data set file": lambda run: run.about.get("dataset_sha256"),
    "meta": lambda run: run.about.get("meta_sha256"),
    "fold": lambda run: run.parameters.get("fold"),
    "epoch budget": lambda run: run.parameters.get("epochs"),
}
DOUBT: dict[str, Ask] = {
    "commit": lambda run: run.about.get("commit"),
    "versions": lambda run: _versions(run.about.get("versions")),
}


def differing(runs: Sequence[Run], questions: dict[str, Ask]) -> dict[str, list[Any]]:
    """What the runs don't all answer alike, with the answers in the order in which they first appear."""
    answers = {what: list({repr(ask(run)): ask(run) for run in runs}.values()) for what, ask in questions.items()}
    return {what: found for what, found in answers.items() if len(found) > 1}


def groups_apart(groups: Sequence[Group]) -> str | None:
    """Why groups can't be compared with each other; None where there is one."""
    if len(groups) < 2:
        return None
    found = differing([_first(group) for group in groups], FORBID)
    words = "; ".join(f"{what}: {', '.join(_short(answer) for answer in answers)}" for what, answers in found.items())
    return f"{len(groups)} groups that can't be compared with each other, they differ in {words or 'their classes'}"


def mixed_versions(group: Group) -> str | None:
    """That runs of one group were made by different code; None where they were not, or it isn't known."""
    found = differing([run for strategy in group.strategies for run in strategy.runs], DOUBT)
    if not found:
        return None
    words = [f"{len(found['commit'])} commits ({', '.join(map(_short, found['commit']))})"] if "commit" in found else []
    words += [f"different versions of {', '.join(_packages(found['versions']))}"] if "versions" in found else []
    return f"{group.name}: its trials were run by {' and '.join(words)}; a difference between them may come from that."


def mixed_classes(group: Group) -> str | None:
    """That runs of one group have scores of different classes, so that their means are not over the same; else None."""
    runs = [run for strategy in group.strategies for run in strategy.runs]
    lacking = {name: sum(math.isnan(run.score("test", f"IoU/{name}")) for run in runs) for name in group.classes}
    some = [f"{name} (lacking in {count} of {len(runs)})" for name, count in lacking.items() if 0 < count < len(runs)]
    if not some:
        return None
    return (
        f"{group.name}: not all runs have a test IoU of {listed(some, LISTED)}, since neither truth nor "
        f"prediction shows the class; means over classes are over fewer of them there."
    )


def halved_batches(group: Group) -> str | None:
    """That runs of one group passed smaller parts of a batch through the network, since memory was too small."""
    runs = [run for strategy in group.strategies for run in strategy.runs]
    left = [(run, run.about.get("micro_batch"), run.parameters.get("batch_size")) for run in runs]
    halved = [f"{run.name} ({now} of {batch})" for run, now, batch in left if now]
    if not halved:
        return None
    return (
        f"{group.name}: memory was too small for {len(halved)} of {len(runs)} runs, so that batch norm and losses "
        f"over a whole batch saw fewer samples at a time there: {listed(halved, LISTED)}."
    )


def doubts(group: Group) -> list[str]:
    """What casts doubt on a comparison without forbidding it, in sentences."""
    return [line for line in (mixed_versions(group), mixed_classes(group), halved_batches(group)) if line]


def _versions(told: Any) -> tuple[tuple[str, str], ...]:
    """In one order; nothing where trial.json holds no such table."""
    return tuple(sorted((str(name), str(one)) for name, one in told.items())) if isinstance(told, Mapping) else ()


def _packages(versions: Sequence[Sequence[tuple[str, str]]]) -> list[str]:
    tables = [dict(one) for one in versions]
    names = dict.fromkeys(name for table in tables for name in table)
    return [name for name in names if len({table.get(name) for table in tables}) > 1]


def _first(group: Group) -> Run:
    return group.strategies[0].runs[0]


def _short(answer: Any) -> str:
    """A digest by its first digits, as git does."""
    text = "unknown" if answer is None else str(answer)
    return text[:8] if len(text) in (40, 64) else text
