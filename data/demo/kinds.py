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
    names: tuple[str, ...]  # Indonesian and English, of like meaning
    features: tuple[str, ...]
    sizes: tuple[str, ...] = ()
    flavors: str = ""  # "food", "scent" or none
    colored: bool = False  # siblings come in colours
    models: bool = False  # siblings differ in a model number


KINDS: tuple[Kind, ...] = (
    Kind("bottle", ("Shampoo", "Sampo", "Hair Shampoo", "Shampo Rambut"), ("anti ketombe", "anti rontok", "halus lembut", "perawatan rambut", "hair care"), ML, "scent"),
    Kind("bottle", ("Sirup", "Syrup", "Minuman Sirup", "Squash"), ("segar", "minuman buka puasa", "halal", "konsentrat"), ML, "food"),
    Kind("bottle", ("Minyak Rambut", "Hair Oil", "Vitamin Rambut"), ("nutrisi rambut", "rambut berkilau", "alami"), ML, "scent"),
    Kind("pump", ("Body Lotion", "Lotion Badan", "Hand Body", "Handbody Lotion"), ("mencerahkan", "whitening", "melembabkan", "kulit kering"), ML, "scent"),
    Kind("pump", ("Sabun Cair", "Body Wash", "Liquid Soap", "Sabun Mandi Cair"), ("antibakteri", "wangi tahan lama", "keluarga", "refill botol"), ML, "scent"),
    Kind("pump", ("Hand Sanitizer", "Pembersih Tangan", "Gel Antiseptik"), ("kill 99.9%", "food grade", "tanpa bilas"), ML, "scent"),
    Kind("spray", ("Body Mist", "Parfum", "Eau de Parfum", "Body Spray"), ("pria wanita", "tahan lama", "unisex", "wangi"), ML, "scent"),
    Kind("spray", ("Disinfectant Spray", "Semprotan Disinfektan", "Pembersih Kaca", "Cleaner Spray"), ("serbaguna", "kuman", "rumah", "multi purpose"), ML, "scent"),
    Kind("jar", ("Krim Wajah", "Face Cream", "Day Cream", "Pelembab Wajah"), ("glowing", "flek hitam", "skincare", "night cream", "anti aging"), CREAM, "scent"),
    Kind("jar", ("Selai", "Jam", "Spread", "Selai Roti"), ("oles roti", "sarapan", "lembut", "halal"), GRAM, "food"),
    Kind("jar", ("Madu", "Honey", "Madu Murni", "Madu Hutan"), ("murni", "asli hutan", "herbal", "multiflora"), GRAM),
    Kind("can", ("Minuman Kaleng", "Soft Drink", "Soda", "Minuman Soda"), ("dingin", "kaleng", "1 dus isi 24", "slim can"), ("250 ml", "320 ml", "330 ml"), "food"),
    Kind("can", ("Susu Kaleng", "Canned Milk", "Kopi Kaleng", "Susu Steril"), ("siap minum", "ready to drink", "kaleng"), ("180 ml", "189 ml", "240 ml"), "food"),
    Kind("tin", ("Susu Bubuk", "Milk Powder", "Susu Formula"), ("1+ tahun", "tinggi kalsium", "anak", "DHA"), ("300 g", "400 g", "800 g"), "food"),
    Kind("tin", ("Cat Tembok", "Wall Paint", "Cat Kayu", "Cat Besi"), ("interior", "eksterior", "anti jamur", "tahan cuaca"), ("1 kg", "5 kg", "20 kg"), "", True),
    Kind("tube", ("Pasta Gigi", "Toothpaste", "Odol"), ("gigi putih", "nafas segar", "anak", "gigi sensitif"), GRAM[:5], "scent"),
    Kind("tube", ("Facial Wash", "Sabun Muka", "Facial Foam", "Pembersih Wajah"), ("jerawat", "acne", "minyak", "brightening"), ("50 g", "100 g", "120 g"), "scent"),
    Kind("tube", ("Sunscreen", "Tabir Surya", "Sunblock", "Sun Screen Gel"), ("SPF 50", "PA+++", "tidak lengket", "UV"), ("30 ml", "40 ml", "60 ml"), "", False, True),
    Kind("box", ("Biskuit", "Biscuit", "Kue Kering", "Cookies"), ("renyah", "camilan", "snack", "lebaran"), GRAM, "food"),
    Kind("box", ("Teh Celup", "Tea Bag", "Teh"), ("isi 25", "kantong", "box", "asli pegunungan"), ("25 s", "50 s", "100 s"), "food"),
    Kind("box", ("Vitamin", "Suplemen", "Multivitamin", "Kapsul"), ("daya tahan tubuh", "imun", "herbal", "isi kapsul"), ("10 s", "30 s", "60 s"), "", False, True),
    Kind("box", ("Sabun Batang", "Bar Soap", "Sabun Mandi"), ("batang", "antiseptik", "kulit halus", "isi 3"), ("70 g", "85 g", "110 g"), "scent"),
    Kind("pouch", ("Kopi Bubuk", "Ground Coffee", "Kopi", "Coffee"), ("arabika", "robusta", "single origin", "fresh roast"), GRAM, "", False, True),
    Kind("pouch", ("Keripik", "Chips", "Snack Kentang", "Kripik Singkong"), ("gurih", "renyah", "camilan", "kiloan"), GRAM, "food"),
    Kind("pouch", ("Deterjen Cair", "Liquid Detergent", "Pewangi Pakaian", "Pelembut Pakaian"), ("refill", "pouch", "laundry", "wangi"), ("400 ml", "750 ml", "800 ml", "1600 ml"), "scent"),
    Kind("pouch", ("Makanan Kucing", "Cat Food", "Cat Treats"), ("kitten", "adult", "kering", "dry food"), ("500 g", "1000 g", "1200 g"), "food"),
    Kind("sachet", ("Masker Wajah", "Sheet Mask", "Face Mask", "Masker Korea"), ("lembar", "hydrating", "korea", "glowing"), (), "scent"),
    Kind("sachet", ("Kopi Sachet", "Minuman Serbuk", "Instant Drink", "Kopi Instan"), ("renceng", "isi 10", "3in1", "sachet"), ("20 g", "25 g", "27 g"), "food"),
    Kind("mug", ("Mug", "Gelas Keramik", "Cangkir", "Mug Keramik"), ("custom", "kopi teh", "souvenir", "keramik"), ("250 ml", "325 ml", "400 ml"), "", True),
    Kind("tumbler", ("Tumbler", "Botol Minum", "Water Bottle", "Termos"), ("stainless", "tahan panas dingin", "BPA free", "sekolah"), ("350 ml", "500 ml", "600 ml", "1000 ml"), "", True),
    Kind("lipstick", ("Lipstik", "Lipstick", "Lip Matte", "Lip Cream"), ("matte", "tahan lama", "transferproof", "nude"), (), "", True, True),
    Kind("notebook", ("Buku Tulis", "Notebook", "Buku Catatan", "Agenda"), ("garis", "spiral", "hard cover", "kertas tebal"), ("A5", "A6", "B5"), "", True),
    Kind("shirt", ("Kaos", "T-Shirt", "Baju Kaos", "Kaos Oblong"), ("pria", "wanita", "cotton combed 30s", "lengan pendek", "distro", "oversize"), (), "", True),
    Kind("shirt", ("Sweater", "Hoodie", "Kaos Lengan Panjang", "Crewneck"), ("fleece", "unisex", "korea style", "tebal"), (), "", True),
    Kind("cap", ("Topi", "Cap", "Topi Baseball", "Baseball Cap"), ("pria", "bordir", "distro", "snapback"), (), "", True),
    Kind("shoe", ("Sepatu Sneakers", "Sneakers", "Sepatu Pria", "Sepatu Casual"), ("pria wanita", "sekolah", "running", "kets"), (), "", True, True),
    Kind("sandal", ("Sandal Jepit", "Sandal", "Slides", "Flip Flop"), ("wanita", "karet", "anti licin", "rumah"), (), "", True),
    Kind("tote", ("Tas Wanita", "Tote Bag", "Handbag", "Tas Selempang"), ("kanvas", "kulit PU", "resleting", "korea"), (), "", True, True),
    Kind("backpack", ("Tas Ransel", "Backpack", "Ransel", "Tas Sekolah"), ("laptop", "anti air", "pria", "anak"), (), "", True, True),
    Kind("watch", ("Jam Tangan", "Watch", "Jam", "Smartwatch"), ("pria", "wanita", "analog", "tahan air", "rantai"), (), "", True, True),
    Kind("phone_case", ("Casing HP", "Phone Case", "Softcase", "Case"), ("silikon", "motif", "anti crack", "shockproof"), (), "", True, True),
    Kind("charger", ("Charger", "Kepala Charger", "Adaptor", "Fast Charger"), ("fast charging", "type c", "micro usb", "QC 3.0"), ("10 W", "20 W", "33 W", "65 W"), "", False, True),
    Kind("power_bank", ("Power Bank", "Powerbank", "PB"), ("slim", "fast charging", "LED display", "dual output"), ("5000 mAh", "10000 mAh", "20000 mAh"), "", True, True),
    Kind("headset", ("Headset", "Headphone", "Headset Gaming", "Headphone Bluetooth"), ("bass", "mic", "gaming", "wireless"), (), "", True, True),
    Kind("earbuds", ("TWS", "Earbuds", "Earphone Bluetooth", "Headset Bluetooth"), ("touch control", "bass", "noise cancelling", "wireless"), (), "", True, True),
    Kind("speaker", ("Speaker Bluetooth", "Speaker", "Speaker Aktif", "Wireless Speaker"), ("bass", "portable", "karaoke", "radio FM"), ("5 W", "10 W", "20 W"), "", True, True),
    Kind("lamp", ("Lampu LED", "Lampu Meja", "LED Lamp", "Bohlam"), ("hemat energi", "belajar", "terang", "cool daylight"), ("5 W", "9 W", "12 W", "18 W"), "", True, True),
    Kind("pan", ("Wajan", "Frying Pan", "Panci", "Fry Pan"), ("anti lengket", "granite", "teflon", "marble"), ("16 cm", "20 cm", "24 cm", "28 cm"), "", True),
    Kind("cushion", ("Bantal Sofa", "Sarung Bantal", "Cushion", "Bantal"), ("dekorasi", "motif", "kanvas", "ruang tamu"), ("40x40", "45x45", "50x50"), "", True),
    Kind("umbrella", ("Payung", "Umbrella", "Payung Lipat"), ("anti UV", "otomatis", "lipat 3", "jumbo"), (), "", True),
    Kind("toy_car", ("Mobil Mainan", "Toy Car", "Mobil Mobilan", "Diecast"), ("anak", "pull back", "edukasi", "kado"), (), "", True, True),
    Kind("bear", ("Boneka", "Plush Doll", "Boneka Lucu", "Doll"), ("lembut", "kado", "SNI", "jumbo"), ("20 cm", "30 cm", "45 cm"), "", True),
    Kind("robot", ("Robot Mainan", "Toy Robot", "Mainan Anak", "Robot"), ("edukasi", "transform", "lampu suara", "kado"), (), "", True, True),
)  # fmt: skip
