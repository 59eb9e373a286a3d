"""A page from its template: one file that needs no other file and no network."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import vl_convert
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from samesku import artefacts

TEMPLATES = Path(__file__).parent / "templates"
PICTURES_PER_PART = 100  # a page reads its pictures in parts: all of a large page take a second


def render(template: str, content: Mapping[str, Any]) -> str:
    """Fill a template. Titles are untrusted text: everything is escaped, in JSON by `tojson`."""
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.policies["json.dumps_kwargs"] = {
        "separators": (",", ":"),
        "ensure_ascii": False,
        "allow_nan": False,
    }
    environment.globals |= {"include": _include, "vega": _vega, "pictures_per_part": PICTURES_PER_PART}
    environment.filters |= {"thousands": "{:,}".format, "four": "{:.4f}".format}
    return environment.get_template(template).render(content)


def write_page(out: Path, template: str, content: Mapping[str, Any]) -> None:
    """Write a filled template."""
    with artefacts.replace_out(out) as partial:
        partial.write_text(render(template, content), "utf-8")


def _include(name: str) -> Markup:
    """A style sheet or script of this package, as it is."""
    return Markup((TEMPLATES / name).read_text("utf-8"))  # noqa: S704


def _vega() -> Markup:
    """Vega, Vega-Lite and vega-embed as one script."""
    script = vl_convert.javascript_bundle()  # type: ignore[call-arg]  # its stub lacks the default
    assert "</script" not in script.lower()  # noqa: S101
    return Markup(script)  # noqa: S704
