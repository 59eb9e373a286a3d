"""Invented names, and the words that sellers use."""

from __future__ import annotations

from data.demo.look import RGB

# Invented for this catalogue; none is meant to be a mark of anybody's.
BRANDS: dict[str, tuple[str, ...]] = {
    "care": (
        "Zuvela", "Larivette", "Bellovane", "Skinuva", "Dermaliq", "Aurovea", "Cassivelle", "Rosmarqa",
        "Puspalira", "Glowirra", "Wenlira", "Rinquelle", "Pirouma", "Nubelka", "Ystrade", "Solvanto",
    ),
    "food": (
        "Rasavanda", "Kenandra", "Tirtavela", "Lumbraya", "Sekarindo", "Dolzarit", "Quemba", "Tamzuri",
        "Jirupa", "Crovani Java", "Manisqu", "Wangibo",
    ),
    "home": (
        "Dapurela", "Wajanku", "Homviro", "Selimoti", "Griyavo", "Borlith", "Hexloom", "Fyndora", "Otterlin",
        "Koperindo", "Lakzimo", "Trevuna", "Awangsa",
    ),
    "wear": (
        "Stridova", "Runqer", "Pacivo", "Urbanoq", "Denimara", "Kaosvia", "Batikara", "Hijraluna", "Tasmira",
        "Velqis", "Orvande", "Ombreva", "Daskova",
    ),
    "tech": (
        "Vixaro", "Tekuno", "Ampergo", "Voltira", "Nexqual", "Brontiq", "Sonarvi", "Kliqeo", "Ultrizen",
        "Wiradex", "Chargova", "Plenzor", "Huqiva",
    ),
    "toys": (
        "Kiddoru", "Bubzilo", "Ploppo", "Tinqero", "Mokupi", "Gembira Jo", "Merpatix", "Kubralo",
    ),
}  # fmt: skip

LINES = (
    "Aqua Silk", "Nuro", "Soft Bloom", "Pure Day", "Golden Leaf", "Fresh Up", "Daily Care", "Ultra",
    "Max Pro", "Lite", "Classic", "Royal", "Sakura", "Mentari", "Embun Pagi", "Cahaya", "Alam Segar",
    "Rasa Kita", "Pelangi", "Bunga Rampai", "Sunny", "Moonlight", "Velvet", "Crystal", "Oceanic", "Forest",
    "Urban Fit", "Street", "Retro", "Vintage", "Cozy", "Happy Time", "Little Star", "Turbo", "Speed",
    "Power One", "Air Flow", "Bass Boom", "Clear View", "Snap", "Flexi", "Titan", "Spark", "Smart Go",
    "Mini Joy", "Jumbo", "Premium Gold", "Silver Line", "Black Series", "Natural Glow", "White Secret",
    "Herbal Plus", "Vita C", "Hydra", "Repair", "Anti Hair Fall", "Baby Soft", "Family", "Kampung",
    "Nusantara", "Bali Breeze", "Java Roast", "Toraja Hill", "Manis", "Gurih", "Krispi", "Pedas Nendang",
    "Original",
)  # fmt: skip

SHOPS = (
    "grosirkita", "toko bunda raya", "lapak rejo", "murmer store", "gudang77", "cahaya shop",
    "rumah belanja ku", "agen pusatku", "dua putri", "jakarta mart", "babyhouse id", "sinar abadi",
    "kios mbak yu", "olshop cantik", "mitra jaya", "central acc", "barokah shop", "sahabat olshop",
    "fashionqu", "bandung stuff", "kedai rumahan", "importir asia", "lucky 8", "pelita jaya",
)  # fmt: skip

# colour -> Indonesian, English, what it looks like
COLORS: tuple[tuple[str, str, RGB], ...] = (
    ("Merah", "Red", (206, 48, 52)), ("Maroon", "Maroon", (122, 34, 46)), ("Biru", "Blue", (44, 98, 180)),
    ("Navy", "Navy", (34, 46, 88)), ("Biru Muda", "Sky Blue", (134, 190, 226)),
    ("Hijau", "Green", (64, 140, 82)), ("Hijau Army", "Army Green", (92, 100, 66)),
    ("Mint", "Mint", (164, 216, 196)), ("Kuning", "Yellow", (244, 202, 66)),
    ("Mustard", "Mustard", (206, 156, 52)), ("Oranye", "Orange", (236, 130, 48)),
    ("Pink", "Pink", (240, 160, 184)), ("Fuchsia", "Fuchsia", (206, 58, 126)),
    ("Ungu", "Purple", (122, 78, 156)), ("Lilac", "Lilac", (196, 172, 218)), ("Hitam", "Black", (38, 38, 44)),
    ("Putih", "White", (244, 242, 238)), ("Abu", "Grey", (150, 152, 156)), ("Coklat", "Brown", (126, 86, 60)),
    ("Krem", "Cream", (232, 216, 186)), ("Tosca", "Teal", (52, 150, 152)),
)  # fmt: skip

# flavour or scent -> Indonesian, English, icon, colour
FLAVORS: dict[str, tuple[tuple[str, str, str, RGB], ...]] = {
    "food": (
        ("Coklat", "Chocolate", "bean", (104, 66, 44)), ("Stroberi", "Strawberry", "berry", (220, 56, 76)),
        ("Vanila", "Vanilla", "flower", (232, 206, 130)), ("Pisang", "Banana", "fruit", (240, 206, 70)),
        ("Jeruk", "Orange", "fruit", (240, 140, 40)), ("Melon", "Melon", "fruit", (150, 196, 90)),
        ("Matcha", "Green Tea", "leaf", (112, 150, 70)), ("Kopi", "Coffee", "bean", (92, 60, 44)),
        ("Susu", "Milk", "drop", (120, 176, 222)), ("Kacang", "Peanut", "grain", (196, 146, 84)),
        ("Balado", "Hot Chili", "chili", (206, 44, 36)),
        ("Jagung Bakar", "Grilled Corn", "grain", (236, 184, 52)), ("Keju", "Cheese", "drop", (244, 190, 60)),
        ("Anggur", "Grape", "berry", (112, 66, 140)), ("Leci", "Lychee", "berry", (232, 140, 150)),
        ("Madu", "Honey", "drop", (226, 158, 40)),
    ),
    "scent": (
        ("Lidah Buaya", "Aloe Vera", "leaf", (88, 168, 92)),
        ("Lavender", "Lavender", "flower", (150, 116, 190)), ("Mawar", "Rose", "flower", (220, 90, 120)),
        ("Lemon", "Lemon", "fruit", (244, 212, 70)), ("Teh Hijau", "Green Tea", "leaf", (120, 160, 80)),
        ("Susu", "Milk", "drop", (150, 196, 232)), ("Zaitun", "Olive", "berry", (128, 142, 66)),
        ("Melati", "Jasmine", "flower", (226, 220, 190)), ("Kelapa", "Coconut", "drop", (186, 160, 130)),
        ("Mint", "Mint", "leaf", (84, 190, 170)), ("Arang", "Charcoal", "drop", (66, 66, 72)),
        ("Bengkoang", "Yam Bean", "grain", (216, 190, 140)),
        ("Stroberi", "Strawberry", "berry", (224, 70, 90)), ("Laut", "Ocean", "drop", (56, 140, 200)),
    ),
}  # fmt: skip

OPENERS = (
    "PROMO", "[COD]", "READY", "READY STOCK", "BEST SELLER", "TERMURAH!!!", "ORIGINAL", "[ORI]", "SALE",
    "GRATIS ONGKIR", "NEW", "(BISA COD)", "MURAH", "DISKON", "Ready!", "[BAYAR DI TEMPAT]", "PROMO 12.12",
    "GROSIR", "FREE GIFT -",
)  # fmt: skip
CLOSERS = (
    "ORIGINAL 100%", "Murah", "COD", "Termurah", "Import", "Premium", "Terbaru", "Original", "BPOM",
    "Garansi Resmi", "Best Seller", "Kualitas Bagus", "Ready Stock", "Grosir", "Real Pict", "(bisa COD)",
    "- Bayar di Tempat", "High Quality", "Promo", "Awet", "Viral", "Kekinian", "Free Bubble Wrap", "/ pcs",
    "Jakarta", "Good Quality", "Hemat", "!!", "Asli", "Terlaris",
)  # fmt: skip
SIGNS = ("★", "❤", "✿", "✨", "🔥", "✅", "🌸", "⭐", "💯", "👍", "【COD】", "✔", "•")
