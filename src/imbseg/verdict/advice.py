"""The sentences of a diagnosis, each held against the runs: true, false or open."""

import dataclasses
import math
import re
from collections.abc import Callable, Mapping, Sequence

from imbseg.verdict.effects import Effect

SMALL = 0.02  # a gain that would have been detected below it is ruled out
SECTIONS = ("What the grid caps", "What to try")
TRUE, FALSE, OPEN = "true", "false", "open"
# What a sentence advises: its opening -> the remedies, any of which makes it true on the classes that it names
ADVISED: Mapping[str, tuple[str, ...]] = {
    r"Few images show (?P<classes>.+?): draw those images": ("sampling rare_class", "sampling repeat_factor"),
    r"(?P<classes>.+?): in (?:every image|\d+% of the images).*weight the loss instead": (
        "loss weighted_cross_entropy",
    ),
    r"Small objects: (?P<classes>.+?) \(the smallest class": ("geometry",),
    r"[\d.]+ is what (?P<classes>\S+) can reach at ": ("geometry",),
}
Measure = Callable[[Sequence[str]], Sequence[Effect]]  # names of classes -> the remedies' effects on their mean IoU


@dataclasses.dataclass(frozen=True)
class Judged:
    """A sentence and what the runs say of it.

    Attributes:
        sentence: as the diagnosis has it.
        verdict: true, false or open.
        effect: the measured gain that decided; None where nothing was measured.
    """

    sentence: str
    verdict: str
    effect: Effect | None


def judge(diagnosis: str, measure: Measure) -> list[Judged]:
    """Each sentence of the sections that advise.

    True: the advised gain's interval lies above 0. False: it doesn't, and the minimum detectable effect was below 0.02,
    or it lies below 0. Open: all else, a sentence that advises no measured remedy too.

    Args:
        diagnosis: diagnosis.md.
        measure: of classes, the effects of all remedies on the mean of their IoU.
    """
    return [_judge(sentence, measure) for sentence in sentences(diagnosis)]


def sentences(diagnosis: str) -> list[str]:
    """The bullets of the sections that advise."""
    found = []
    for section in re.split(r"^## ", diagnosis, flags=re.MULTILINE)[1:]:
        if section.partition("\n")[0].strip() in SECTIONS:
            found += re.findall(r"^- (.*)$", section, flags=re.MULTILINE)
    return found


def advised(sentence: str) -> tuple[list[str], tuple[str, ...]]:
    """The classes that a sentence names, and the remedies that it advises for them; nothing of other sentences.

    >>> advised("Small objects: pole, sign and 2 more (the smallest class: typically 2 x 9 pixels).")
    (['pole', 'sign'], ('geometry',))
    """
    for opening, names in ADVISED.items():
        if match := re.match(opening, sentence):
            classes = re.sub(r" and \d+ more$", "", match["classes"])
            return classes.split(", "), names
    return [], ()


def _judge(sentence: str, measure: Measure) -> Judged:
    classes, names = advised(sentence)
    tried = [one for one in (measure(classes) if names else ()) if _choice(one.remedy) in names]
    if not tried:
        return Judged(sentence, OPEN, None)
    best = max(tried, key=lambda one: (one.paid, one.found.mean))
    return Judged(sentence, verdict_of(best), best)


def _choice(remedy: str) -> str:
    """Axis and choice of a remedy, whatever it is in place of; of any geometry `geometry`."""
    return remedy.partition(" in place of ")[0].partition(": ")[0]


def verdict_of(effect: Effect) -> str:
    """True, false or open, of an advised gain."""
    if effect.paid:
        return TRUE
    ruled_out = not math.isnan(effect.detectable) and effect.detectable < SMALL
    return FALSE if ruled_out or effect.found.high < 0 else OPEN
