"""What the start page of `samesku serve` tells a newcomer."""

from datetime import datetime
from typing import Any

from samesku import artefacts
from samesku.annotations.file import read_annotations
from samesku.app.products import count_contradictions
from samesku.app.report.pairs import read_metrics
from samesku.app.report_page import read_systems
from samesku.app.summary import describe_quality, next_steps
from samesku.app.system_names import name_system
from samesku.app.systems import split_systems
from samesku.app.web.product_routes import ProductRoutes


def start_content(products: ProductRoutes) -> dict[str, Any]:
    """The catalogue, the quality of the matches, and what to do next, for the template."""
    folder = artefacts.predictions_folder(products.system)
    metrics = read_metrics(folder)
    systems = read_systems([*split_systems(products.params)[0], products.system])
    groups = products.groups
    last_run = datetime.fromtimestamp((folder / "metrics.json").stat().st_mtime)
    return {
        "catalogue": products.description,
        "quality": describe_quality(products.system, metrics, systems, products.params),
        "next": next_steps(
            products.catalogue,
            count_contradictions(groups),
            read_annotations(products.annotations),
            obeyed=products.params.data.annotations is not None,
            served=True,
        ),
        "n_groups": sum(len(group[0]) > 1 for group in groups["groups"]),
        "last_run": f"{last_run:%Y-%m-%d %H:%M}",
        "system": name_system(products.system, products.params),
    }
