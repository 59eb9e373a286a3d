"""What the systems are called on the pages: in plain words, the same on every page."""

from collections.abc import Mapping, Sequence

from samesku.app.evidence_names import name_evidence
from samesku.params import CompareSystem, Params

NOTHING_MATCHED = "nothing matched"
#: Systems of the stages beside `compare`.
NAMES = {
    "samesku": "the main system",
    "rerank": "the pair model",
    "tuned": "tuned weights",
    "tuned_augmented": "tuned weights with averaged neighbours",
    "tuned_augmented_one": "tuned weights with averaged neighbours and at least one match",
}
#: Systems that learn how to fuse the channels, by their kind.
LEARNED = {"attention": "weights learned by attention", "gated": "weights learned by gates"}


def name_systems(params: Params) -> dict[str, str]:
    """Each system of params.yaml in words, by its name: `the pair model (rerank)`."""
    labels = {
        name: evidence["label"].partition(",")[0].lower() for name, evidence in name_evidence(params).items()
    }
    words = NAMES | {name: LEARNED[run.kind] for name, run in params.learned_fusion.items()}
    words |= {name: _describe_baseline(system, labels) for name, system in params.compare.items()}
    return {name: f"{text} ({name})" for name, text in words.items()}


def name_system(system: str, params: Params) -> str:
    """A system in words; its name alone where params.yaml does not have it."""
    return name_systems(params).get(system, system)


def join_words(words: Sequence[str]) -> str:
    """At least one word as a list in a sentence: `a picture, a title and a label`."""
    return f"{', '.join(words[:-1])} and {words[-1]}" if len(words) > 1 else words[0]


def sentence_start(text: str) -> str:
    """The text with a capital first letter."""
    return text[:1].upper() + text[1:]


def _describe_baseline(system: CompareSystem, labels: Mapping[str, str]) -> str:
    """What a baseline looks at: `picture and meaning of the title, a threshold for each query`."""
    weights = system.image | system.title
    parts = [labels.get(name, name) for name, weight in weights.items() if weight > 0]
    seen = join_words(parts) if len(parts) > 1 else f"{parts[0]} alone"
    return f"{seen}, a threshold for each query" if system.decision.kind == "dynamic" else seen
