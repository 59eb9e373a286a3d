"""The kinds of products on sale: the form that draws one, its names, and what its siblings can differ in."""

from __future__ import annotations

from dataclasses import dataclass

ML = ("60 ml", "100 ml", "150 ml", "200 ml", "250 ml", "400 ml", "500 ml", "750 ml", "1000 ml")
GRAM = ("50 g", "75 g", "100 g", "150 g", "200 g", "250 g", "400 g", "500 g", "1000 g")
CREAM = ("15 g", "20 g", "30 g", "50 g", "75 g", "100 g")


@dataclass(frozen=True)
class Kind:
    """What a title may call a product, and the axes of its families."""

    form: str
    trade: str  # whose brands make it: a key of words.BRANDS
    names: tuple[str, ...]  # Indonesian and English, of like meaning
    features: tuple[str, ...]
    sizes: tuple[str, ...] = ()
    flavors: str = ""  # "food", "scent" or none
    colored: bool = False  # siblings come in colours
    models: bool = False  # siblings differ in a model number


KINDS: tuple[Kind, ...] = (
    Kind(
        "bottle", "care", ("Shampoo", "Sampo", "Hair Shampoo", "Shampo Rambut"),
        ("anti ketombe", "anti rontok", "halus lembut", "perawatan rambut", "hair care"), sizes=ML,
        flavors="scent",
    ),
    Kind(
        "bottle", "food", ("Sirup", "Syrup", "Minuman Sirup", "Squash"),
        ("segar", "minuman buka puasa", "halal", "konsentrat"), sizes=ML, flavors="food",
    ),
    Kind(
        "bottle", "care", ("Minyak Rambut", "Hair Oil", "Vitamin Rambut"),
        ("nutrisi rambut", "rambut berkilau", "alami"), sizes=ML, flavors="scent",
    ),
    Kind(
        "pump", "care", ("Body Lotion", "Lotion Badan", "Hand Body", "Handbody Lotion"),
        ("mencerahkan", "whitening", "melembabkan", "kulit kering"), sizes=ML, flavors="scent",
    ),
    Kind(
        "pump", "care", ("Sabun Cair", "Body Wash", "Liquid Soap", "Sabun Mandi Cair"),
        ("antibakteri", "wangi tahan lama", "keluarga", "refill botol"), sizes=ML, flavors="scent",
    ),
    Kind(
        "pump", "care", ("Hand Sanitizer", "Pembersih Tangan", "Gel Antiseptik"),
        ("kill 99.9%", "food grade", "tanpa bilas"), sizes=ML, flavors="scent",
    ),
    Kind(
        "spray", "care", ("Body Mist", "Parfum", "Eau de Parfum", "Body Spray"),
        ("pria wanita", "tahan lama", "unisex", "wangi"), sizes=ML, flavors="scent",
    ),
    Kind(
        "spray", "home", ("Disinfectant Spray", "Semprotan Disinfektan", "Pembersih Kaca", "Cleaner Spray"),
        ("serbaguna", "kuman", "rumah", "multi purpose"), sizes=ML, flavors="scent",
    ),
    Kind(
        "jar", "care", ("Krim Wajah", "Face Cream", "Day Cream", "Pelembab Wajah"),
        ("glowing", "flek hitam", "skincare", "night cream", "anti aging"), sizes=CREAM, flavors="scent",
    ),
    Kind(
        "jar", "food", ("Selai", "Jam", "Spread", "Selai Roti"), ("oles roti", "sarapan", "lembut", "halal"),
        sizes=GRAM, flavors="food",
    ),
    Kind(
        "jar", "food", ("Madu", "Honey", "Madu Murni", "Madu Hutan"),
        ("murni", "asli hutan", "herbal", "multiflora"), sizes=GRAM,
    ),
    Kind(
        "can", "food", ("Minuman Kaleng", "Soft Drink", "Soda", "Minuman Soda"),
        ("dingin", "kaleng", "1 dus isi 24", "slim can"), sizes=("250 ml", "320 ml", "330 ml"),
        flavors="food",
    ),
    Kind(
        "can", "food", ("Susu Kaleng", "Canned Milk", "Kopi Kaleng", "Susu Steril"),
        ("siap minum", "ready to drink", "kaleng"), sizes=("180 ml", "189 ml", "240 ml"), flavors="food",
    ),
    Kind(
        "tin", "food", ("Susu Bubuk", "Milk Powder", "Susu Formula"),
        ("1+ tahun", "tinggi kalsium", "anak", "DHA"), sizes=("300 g", "400 g", "800 g"), flavors="food",
    ),
    Kind(
        "tin", "home", ("Cat Tembok", "Wall Paint", "Cat Kayu", "Cat Besi"),
        ("interior", "eksterior", "anti jamur", "tahan cuaca"), sizes=("1 kg", "5 kg", "20 kg"), colored=True,
    ),
    Kind(
        "tube", "care", ("Pasta Gigi", "Toothpaste", "Odol"),
        ("gigi putih", "nafas segar", "anak", "gigi sensitif"),
        sizes=("50 g", "75 g", "100 g", "150 g", "200 g"), flavors="scent",
    ),
    Kind(
        "tube", "care", ("Facial Wash", "Sabun Muka", "Facial Foam", "Pembersih Wajah"),
        ("jerawat", "acne", "minyak", "brightening"), sizes=("50 g", "100 g", "120 g"), flavors="scent",
    ),
    Kind(
        "tube", "care", ("Sunscreen", "Tabir Surya", "Sunblock", "Sun Screen Gel"),
        ("SPF 50", "PA+++", "tidak lengket", "UV"), sizes=("30 ml", "40 ml", "60 ml"), models=True,
    ),
    Kind(
        "box", "food", ("Biskuit", "Biscuit", "Kue Kering", "Cookies"),
        ("renyah", "camilan", "snack", "lebaran"), sizes=GRAM, flavors="food",
    ),
    Kind(
        "box", "food", ("Teh Celup", "Tea Bag", "Teh"), ("isi 25", "kantong", "box", "asli pegunungan"),
        sizes=("25 s", "50 s", "100 s"), flavors="food",
    ),
    Kind(
        "box", "care", ("Vitamin", "Suplemen", "Multivitamin", "Kapsul"),
        ("daya tahan tubuh", "imun", "herbal", "isi kapsul"), sizes=("10 s", "30 s", "60 s"), models=True,
    ),
    Kind(
        "box", "care", ("Sabun Batang", "Bar Soap", "Sabun Mandi"),
        ("batang", "antiseptik", "kulit halus", "isi 3"), sizes=("70 g", "85 g", "110 g"), flavors="scent",
    ),
    Kind(
        "pouch", "food", ("Kopi Bubuk", "Ground Coffee", "Kopi", "Coffee"),
        ("arabika", "robusta", "single origin", "fresh roast"), sizes=GRAM, models=True,
    ),
    Kind(
        "pouch", "food", ("Keripik", "Chips", "Snack Kentang", "Kripik Singkong"),
        ("gurih", "renyah", "camilan", "kiloan"), sizes=GRAM, flavors="food",
    ),
    Kind(
        "pouch", "home", ("Deterjen Cair", "Liquid Detergent", "Pewangi Pakaian", "Pelembut Pakaian"),
        ("refill", "pouch", "laundry", "wangi"), sizes=("400 ml", "750 ml", "800 ml", "1600 ml"),
        flavors="scent",
    ),
    Kind(
        "pouch", "home", ("Makanan Kucing", "Cat Food", "Cat Treats"),
        ("kitten", "adult", "kering", "dry food"), sizes=("500 g", "1000 g", "1200 g"), flavors="food",
    ),
    Kind(
        "sachet", "care", ("Masker Wajah", "Sheet Mask", "Face Mask", "Masker Korea"),
        ("lembar", "hydrating", "korea", "glowing"), flavors="scent",
    ),
    Kind(
        "sachet", "food", ("Kopi Sachet", "Minuman Serbuk", "Instant Drink", "Kopi Instan"),
        ("renceng", "isi 10", "3in1", "sachet"), sizes=("20 g", "25 g", "27 g"), flavors="food",
    ),
    Kind(
        "mug", "home", ("Mug", "Gelas Keramik", "Cangkir", "Mug Keramik"),
        ("custom", "kopi teh", "souvenir", "keramik"), sizes=("250 ml", "325 ml", "400 ml"), colored=True,
    ),
    Kind(
        "tumbler", "home", ("Tumbler", "Botol Minum", "Water Bottle", "Termos"),
        ("stainless", "tahan panas dingin", "BPA free", "sekolah"),
        sizes=("350 ml", "500 ml", "600 ml", "1000 ml"), colored=True,
    ),
    Kind(
        "lipstick", "care", ("Lipstik", "Lipstick", "Lip Matte", "Lip Cream"),
        ("matte", "tahan lama", "transferproof", "nude"), colored=True, models=True,
    ),
    Kind(
        "notebook", "home", ("Buku Tulis", "Notebook", "Buku Catatan", "Agenda"),
        ("garis", "spiral", "hard cover", "kertas tebal"), sizes=("A5", "A6", "B5"), colored=True,
    ),
    Kind(
        "shirt", "wear", ("Kaos", "T-Shirt", "Baju Kaos", "Kaos Oblong"),
        ("pria", "wanita", "cotton combed 30s", "lengan pendek", "distro", "oversize"), colored=True,
    ),
    Kind(
        "shirt", "wear", ("Sweater", "Hoodie", "Kaos Lengan Panjang", "Crewneck"),
        ("fleece", "unisex", "korea style", "tebal"), colored=True,
    ),
    Kind(
        "cap", "wear", ("Topi", "Cap", "Topi Baseball", "Baseball Cap"),
        ("pria", "bordir", "distro", "snapback"), colored=True,
    ),
    Kind(
        "shoe", "wear", ("Sepatu Sneakers", "Sneakers", "Sepatu Pria", "Sepatu Casual"),
        ("pria wanita", "sekolah", "running", "kets"), colored=True, models=True,
    ),
    Kind(
        "sandal", "wear", ("Sandal Jepit", "Sandal", "Slides", "Flip Flop"),
        ("wanita", "karet", "anti licin", "rumah"), colored=True,
    ),
    Kind(
        "tote", "wear", ("Tas Wanita", "Tote Bag", "Handbag", "Tas Selempang"),
        ("kanvas", "kulit PU", "resleting", "korea"), colored=True, models=True,
    ),
    Kind(
        "backpack", "wear", ("Tas Ransel", "Backpack", "Ransel", "Tas Sekolah"),
        ("laptop", "anti air", "pria", "anak"), colored=True, models=True,
    ),
    Kind(
        "watch", "wear", ("Jam Tangan", "Watch", "Jam", "Smartwatch"),
        ("pria", "wanita", "analog", "tahan air", "rantai"), colored=True, models=True,
    ),
    Kind(
        "phone_case", "tech", ("Casing HP", "Phone Case", "Softcase", "Case"),
        ("silikon", "motif", "anti crack", "shockproof"), colored=True, models=True,
    ),
    Kind(
        "charger", "tech", ("Charger", "Kepala Charger", "Adaptor", "Fast Charger"),
        ("fast charging", "type c", "micro usb", "QC 3.0"), sizes=("10 W", "20 W", "33 W", "65 W"),
        models=True,
    ),
    Kind(
        "power_bank", "tech", ("Power Bank", "Powerbank", "PB"),
        ("slim", "fast charging", "LED display", "dual output"), sizes=("5000 mAh", "10000 mAh", "20000 mAh"),
        colored=True, models=True,
    ),
    Kind(
        "headset", "tech", ("Headset", "Headphone", "Headset Gaming", "Headphone Bluetooth"),
        ("bass", "mic", "gaming", "wireless"), colored=True, models=True,
    ),
    Kind(
        "earbuds", "tech", ("TWS", "Earbuds", "Earphone Bluetooth", "Headset Bluetooth"),
        ("touch control", "bass", "noise cancelling", "wireless"), colored=True, models=True,
    ),
    Kind(
        "speaker", "tech", ("Speaker Bluetooth", "Speaker", "Speaker Aktif", "Wireless Speaker"),
        ("bass", "portable", "karaoke", "radio FM"), sizes=("5 W", "10 W", "20 W"), colored=True, models=True,
    ),
    Kind(
        "lamp", "home", ("Lampu LED", "Lampu Meja", "LED Lamp", "Bohlam"),
        ("hemat energi", "belajar", "terang", "cool daylight"), sizes=("5 W", "9 W", "12 W", "18 W"),
        colored=True, models=True,
    ),
    Kind(
        "pan", "home", ("Wajan", "Frying Pan", "Panci", "Fry Pan"),
        ("anti lengket", "granite", "teflon", "marble"), sizes=("16 cm", "20 cm", "24 cm", "28 cm"),
        colored=True,
    ),
    Kind(
        "cushion", "home", ("Bantal Sofa", "Sarung Bantal", "Cushion", "Bantal"),
        ("dekorasi", "motif", "kanvas", "ruang tamu"), sizes=("40x40", "45x45", "50x50"), colored=True,
    ),
    Kind(
        "umbrella", "home", ("Payung", "Umbrella", "Payung Lipat"),
        ("anti UV", "otomatis", "lipat 3", "jumbo"), colored=True,
    ),
    Kind(
        "toy_car", "toys", ("Mobil Mainan", "Toy Car", "Mobil Mobilan", "Diecast"),
        ("anak", "pull back", "edukasi", "kado"), colored=True, models=True,
    ),
    Kind(
        "bear", "toys", ("Boneka", "Plush Doll", "Boneka Lucu", "Doll"), ("lembut", "kado", "SNI", "jumbo"),
        sizes=("20 cm", "30 cm", "45 cm"), colored=True,
    ),
    Kind(
        "robot", "toys", ("Robot Mainan", "Toy Robot", "Mainan Anak", "Robot"),
        ("edukasi", "transform", "lampu suara", "kado"), colored=True, models=True,
    ),
)  # fmt: skip
