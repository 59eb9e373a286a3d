"""Quantities of titles: units as sellers write them in many languages, and the pattern that finds a figure with one."""

import re
from functools import cache
from typing import NamedTuple

#: Scripts without blanks between words: 牛奶500毫升 is a word, a figure and a unit.
_SPACELESS = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u312f\u3400-\u9fff\uac00-\ud7a3\uf900-\ufaff"
#: A letter or digit that makes one word with its neighbours.
LETTER = rf"(?:[^\W_{_SPACELESS}]|\d)"
_START = rf"(?<!{LETTER})(?<!\d[.,⁄])"
_DECIMAL = r"\d+(?:[.,]\d+)*"
FIGURE = rf"{_START}({_DECIMAL})"
#: 1/2 and 1 3/4; but no 39/40, which are two sizes. (NFKC writes ½ with ⁄.)
FRACTION = re.compile(r"(?:(\d+) )?([1-9]\d?)[/⁄](2|3|4|8|16|32)")

#: Dimension -> base units in one -> names, folded and composed as titles are.
_METRIC: dict[str, dict[float, str]] = {
    "volume": {
        1: "ml millilitre millilitres milliliter milliliters mililitre mililiter cc "
        'мл มล มิลลิลิตร 毫升 ミリリットル 밀리리터 مل میلیلیتر מ״ל מ"ל',
        10: "cl",
        100: "dl",
        1000: "l lt ltr liter litre liters litres litr litro litros lít л литр литра ลิตร 升 公升 リットル "
        "리터 لتر لیتر ליטר",
    },
    "mass": {
        0.000001: "mcg μg",
        0.001: "mg мг มก มิลลิกรัม 毫克",
        1: "g gr grm gram grams gramm gramme grammes gramos gam г гр กรัม 克 公克 グラム 그램 جم غ غم جرام غرام گرم גרם",
        100: "ons",
        1000: "kg kilo kilogram kilogramm kilogramo kilogramos kilogramme kilogrammes quilo quilos kgs "
        'кг กก กิโลกรัม กิโล 公斤 千克 キロ 킬로 킬로그램 كجم كغم كغ كيلو کیلوگرم کیلو ק״ג ק"ג',
    },
    "length": {
        1: "mm мм มม 毫米",
        10: 'cm см ซม เซนติเมตร 厘米 公分 センチ سم ס״מ ס"מ',
        1000: "m meter mtr meters metre metres м метр เมตร 米 公尺",
    },
    "count": {
        1: "pcs pc pieces piece pack packs pak buah bh lembar lbr sachet sachets sct tablet tablets tab "
        "kapsul caps capsule capsules butir biji set pasang roll sheets sheet pair pairs ct unidades uds piezas stück "
        "stk cái chiếc gói viên шт штук пак упак "
        "ชิ้น แพ็ค ซอง เม็ด แผ่น คู่ 个 個 件 只 片 包 粒 枚 張 张 双 雙 入 개 매 قطعة عدد",
        12: "lusin dozen",
        20: "kodi",
        144: "gross",
    },
    "data": {0.001: "kb", 1: "mb мб", 1000: "gb гб", 1_000_000: "tb тб"},
    "power": {1: "w watt watts вт วัตต์ 瓦", 1000: "kw"},
    "voltage": {1: "v volt volts โวลต์ 伏"},
    "charge": {1: "mah мач 毫安 毫安时 毫安時", 1000: "ah"},
    "age": {1: "bln bulan month months", 12: "th thn tahun year years yrs"},
    "frequency": {1: "hz", 1000: "khz", 1_000_000: "mhz мгц", 1_000_000_000: "ghz ггц"},
    "light": {1: "lumen lumens lm"},
    "share": {1: "%"},
}
#: The same of units whose metric values are rounded: 2 lb are 907 g to a shop. (_ is a blank, a dot or both.)
_CONVERTED: dict[str, dict[float, str]] = {
    "volume": {29.57: "fl_oz floz", 3785: "gal gallon gallons"},
    "mass": {453.6: "lb lbs pound pounds", 28.35: "oz ounce ounces"},
    "length": {
        25.4: "inch inches inchi inci in \" ” '' ′′ ’’ дюйм дюйма дюймов นิ้ว 寸 吋 英寸 英吋 インチ 인치",
        304.8: "ft feet",
    },
}


class Unit(NamedTuple):
    """A unit: its dimension, base units in one, and whether metric values of it are rounded."""

    dimension: str
    factor: float
    converted: bool


UNITS = {
    name: Unit(dimension, factor, bases is _CONVERTED)
    for bases in (_METRIC, _CONVERTED)
    for dimension, factors in bases.items()
    for factor, names in factors.items()
    for name in names.split()
}


def _end_pattern(name: str) -> str:
    """What may not follow a unit, as a pattern."""
    if name == "in":  # 32in, 32 in; but 2in1, 2 in 1, 5 in a box
        return rf"(?!{LETTER})(?!\s*\d)(?:(?<=\din)|(?<=-in)|(?!\s*{LETTER}))"
    if re.fullmatch(rf"[{_SPACELESS}]+", name):
        # An abbreviation may be the beginning of another word: 3米色; but 1升装, which is a pack.
        is_short = len(name) == 1 or (len(name) == 2 and name < "\u0e80")  # in Thai
        return rf"(?![{_SPACELESS}](?<![装裝套入입]))" if is_short else ""
    return rf"(?!{LETTER})" if name[-1].isalnum() else ""


@cache
def quantity_pattern() -> re.Pattern[str]:
    """A figure and a unit: 1 000 g, 500 ml, 500-ml, 500毫升, 1/2 kg. Of two units that fit, the longer one.

    Units of one end stand together: each of these ends takes milliseconds to compile.
    """
    of_end: dict[str, list[str]] = {}
    for name in sorted(UNITS, key=len, reverse=True):
        of_end.setdefault(_end_pattern(name), []).append(re.escape(name).replace("_", "[ .]{1,2}"))
    return re.compile(
        _START
        + rf"([1-9]\d{{0,2}} 000|(?:\d+ )?[1-9]\d?[/⁄](?:2|3|4|8|16|32)|{_DECIMAL})"
        + "[ -]?("
        + "|".join(f"(?:{'|'.join(units)}){end}" for end, units in of_end.items())
        + ")"
    )


def read_unit(written: str) -> Unit:
    """The unit that `quantity_pattern` matches."""
    return UNITS.get(written) or UNITS[re.sub(r"[ .]+", "_", written)]
