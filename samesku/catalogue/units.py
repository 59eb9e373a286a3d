"""Units as sellers write them, in English and Indonesian: what they measure, and in how many base units."""

from __future__ import annotations

_BASES: dict[str, dict[float, str]] = {
    "volume": {1: "ml cc", 10: "cl", 1000: "l lt ltr liter litre liters litres"},
    "mass": {
        0.001: "mg",
        1: "g gr grm gram grams",
        100: "ons",
        1000: "kg kilo kilogram kgs",
        453.6: "lb lbs",
        28.35: "oz",
    },
    "length": {1: "mm", 10: "cm", 1000: "m meter mtr metre", 25.4: "inch inchi inci"},
    "count": {
        1: "pcs pc pieces piece pack packs pak buah bh lembar lbr sachet sachets sct tablet tablets tab "
        "kapsul caps capsule capsules butir biji set pasang roll sheets sheet pair pairs ct",
        12: "lusin dozen",
        20: "kodi",
        144: "gross",
    },
    "data": {0.001: "kb", 1: "mb", 1000: "gb", 1_000_000: "tb"},
    "power": {1: "w watt watts", 1000: "kw"},
    "voltage": {1: "v volt volts"},
    "charge": {1: "mah", 1000: "ah"},
    "age": {1: "bln bulan month months", 12: "th thn tahun year years yrs"},
    "light": {1: "lumen lumens lm"},
    "share": {1: "%"},
}

#: unit -> (dimension, base units in one of it)
UNITS: dict[str, tuple[str, float]] = {
    unit: (dimension, factor)
    for dimension, factors in _BASES.items()
    for factor, names in factors.items()
    for unit in names.split()
}
