"""tune: the channel weights and α of `fusion` that are best on val, and what each further step adds.

The main system keeps the weights of params.yaml; a printed command adopts these where they are better. They are
sought by moving weight between channels while val's F1 in the full gallery rises. Writes data/tuned/ (weights.json;
surface.csv, F1 by α and by the share of one channel; alpha.csv, F1 of the main system by α) and three rows of the
table, each with one step more: `tuned`, `tuned_augmented` (database-side augmentation, by neighbours from a threshold
on or by a number of them) and `tuned_augmented_one` (at least one match). Labels of val choose everything.
"""

from samesku import artefacts
from samesku.arrays import Int32
from samesku.catalogue.listings import GALLERIES, can_tune, read_listings, val_labelled
from samesku.evaluation import predictions
from samesku.evaluation.decisions import decide_galleries
from samesku.evaluation.plots import alpha_rows
from samesku.evaluation.rules import read_rules
from samesku.evaluation.thresholds import best_augmentation_threshold, best_val_threshold
from samesku.params import Decision, load_params
from samesku.params.schema import Augmentation
from samesku.search import tuning
from samesku.search.fusion import concatenate_channels, fusion_weights, load_channels
from samesku.search.galleries import augment_searches, open_search
from samesku.search.neighbours import Neighbours, stack_neighbours

ROWS = ("tuned", "tuned_augmented", "tuned_augmented_one")


def skip(reason: str) -> str:
    """Write empty outs: what stands beside the main system does not stop it."""
    for row in ROWS:
        predictions.write_skipped(artefacts.PREDICTIONS / row, artefacts.METRICS / f"{row}.json", reason)
    artefacts.write_skipped(artefacts.TUNED, reason)
    return f"skipped: {reason}"


def main() -> str:
    params = load_params()
    fusion, k = params.fusion, params.index.k
    listings = read_listings(artefacts.LISTINGS, params.match)
    labelled, every = val_labelled(listings), listings.gallery("full")
    if not can_tune(listings):
        return skip("val has no two labelled listings of one product to tune on")
    channels = load_channels([*fusion.image, *fusion.title], artefacts.embedding_path, listings)
    filled = {name: vectors for name, vectors in channels.items() if vectors.shape[1]}
    if not filled:
        return skip(f"no listing has a row of {', '.join(channels)}")
    image, title = ([name for name in side if name in filled] for side in (fusion.image, fusion.title))
    with open_search(params.index, params.machine, len(listings)) as search:

        def unite(query: Int32, rows: Int32) -> tuning.CandidatePool:
            more = params.tune.k, listings.allowed, listings.owner, search
            return tuning.unite_neighbours(filled, query, rows, *more)

        pool = unite(every[labelled], every)
        pools = [unite(rows, rows) for rows in map(listings.gallery, GALLERIES["split"])]

    def val_f1(weights: tuning.Weights) -> float:
        return best_val_threshold(pool.rank(weights, k), listings, every)[1]

    present = dict.fromkeys(filled, 0.0) | fusion_weights(fusion.image, fusion.title, fusion.alpha, channels)
    current, (weights, highest) = val_f1(present), tuning.ascend_weights(dict.fromkeys(filled, 1.0), val_f1)
    if current > highest:
        weights, highest = tuning.ascend_weights(present, val_f1)
    fused = concatenate_channels(filled, {n: w for n, w in weights.items() if w > 0}, listings.owner)
    rules = read_rules(listings, params.match, params.groups)
    plain, augmented, thresholds, steps = {}, {}, {}, params.tune.augmentation_steps
    with open_search(params.index, params.machine, len(listings)) as search:

        def augment(nearest: Neighbours, threshold: float, n_nearest: int | None) -> Neighbours:
            """The neighbours of a gallery after augmentation, by `threshold` or by a number of neighbours."""
            by = Augmentation(steps=steps, threshold=0.0 if n_nearest else threshold, neighbours=n_nearest)
            return list(augment_searches(fused, nearest, k, by, search, listings.allowed))[-1][1]

        val = search(fused, listings.gallery("val"), k, allowed=listings.allowed)
        of_val = best_augmentation_threshold(val, listings, val.query)
        n_nearest = tuning.choose_n_nearest(
            lambda n: best_val_threshold(augment(val, of_val, n), listings, val.query)[1], k
        )
        for gallery, parts in GALLERIES.items():
            galleries = [listings.gallery(part) for part in parts]
            searched = [search(fused, rows, k, allowed=listings.allowed) for rows in galleries]
            plain[gallery] = stack_neighbours(searched, k)
            # Val is the first part, and its threshold serves test.
            threshold = best_augmentation_threshold(plain[gallery], listings, galleries[0])
            moved = [augment(nearest, threshold, n_nearest) for nearest in searched]
            augmented[gallery] = stack_neighbours(moved, k)
            thresholds[f"augmentation.{gallery}"] = threshold
    chosen = thresholds if n_nearest is None else {"augmentation.neighbours": n_nearest}
    details = {"weights": weights | chosen}
    for row, neighbours, at_least_one in zip(
        ROWS, (plain, augmented, augmented), (False, False, True), strict=True
    ):
        decisions = decide_galleries(neighbours, listings, Decision(at_least_one=at_least_one), rules)
        folder, file = artefacts.PREDICTIONS / row, artefacts.METRICS / f"{row}.json"
        line = predictions.write_system(folder, file, decisions, listings, channels, params.groups, details)
        print(f"{row}: {line}")

    surface = tuning.weight_surface(val_f1, weights, image, title)

    def rank(alpha: float) -> Neighbours:
        """In the split gallery, by the weights of params.yaml at this α."""
        of_alpha = fusion_weights(fusion.image, fusion.title, alpha, channels)
        return stack_neighbours([pool.rank(of_alpha, k) for pool in pools], k)

    alphas = alpha_rows(rank, listings, params.decision, rules) if fusion.method == "concat" else []
    command = tuning.adopting_command(weights, image, title)
    with artefacts.replace_out(artefacts.TUNED) as partial:
        partial.mkdir()
        rounded = artefacts.round_floats(weights)
        artefacts.write_json(partial / "weights.json", {"weights": rounded, "adopt": command})
        artefacts.write_csv(partial / "surface.csv", artefacts.round_floats(surface))
        columns = ["alpha", "val_f1", "test_f1"]
        artefacts.write_csv(partial / "alpha.csv", artefacts.round_floats(alphas), columns)
    advice = f"adopt these weights: {command}" if highest > current else "fusion has the best weights"
    print(advice, flush=True)
    return f"val f1 {highest:.4f} in the full gallery, {current:.4f} with the weights of fusion"


if __name__ == "__main__":
    artefacts.run_stage("tune", main)
