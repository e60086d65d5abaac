"""The words of the simulated arcade: its categories, what their prizes are called, its suppliers.

Every name is made up from common words; none is a brand or a person.
"""

from dataclasses import dataclass

_MOODS = (
    "Sleepy", "Cheerful", "Grumpy", "Brave", "Shy", "Dizzy", "Sunny", "Sneaky", "Royal", "Tiny",
    "Jolly", "Cosmic", "Fluffy", "Lucky", "Bashful", "Bouncy",
)  # fmt: skip
_CREATURES = (
    "Otter", "Panda", "Axolotl", "Fox", "Hedgehog", "Penguin", "Sloth", "Dragon", "Narwhal",
    "Corgi", "Kitten", "Owl", "Frog", "Octopus", "Bunny", "Capybara", "Dinosaur", "Koala",
    "Raccoon", "Seal", "Turtle", "Unicorn", "Whale", "Yak",
)  # fmt: skip
_COLOURS = (
    "Scarlet", "Amber", "Lime", "Teal", "Cobalt", "Violet", "Coral", "Silver", "Golden", "Midnight",
    "Pastel", "Neon", "Glow", "Pearl",
)  # fmt: skip
_THINGS = (
    "Star", "Comet", "Rocket", "Robot", "Pirate", "Ninja", "Castle", "Pixel", "Crown", "Shark",
    "Moon", "Thunder", "Jungle", "Ocean", "Volcano", "Knight", "Planet", "Wizard",
)  # fmt: skip
_TASTES = (
    "Lemon", "Blueberry", "Mango", "Cherry", "Peach", "Cola", "Melon", "Grape", "Coconut", "Lychee",
    "Caramel", "Vanilla", "Mint", "Cocoa", "Apple", "Raspberry",
)  # fmt: skip
_TEXTURES = (
    "Sour", "Fizzy", "Chewy", "Crunchy", "Rainbow", "Giant", "Mini", "Double", "Swirly", "Popping",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Category:
    """A kind of prize: where it is stored, how its names are put together and what it costs.

    weight: its share of the products. prices: from and to, in US cents.
    """

    name: str
    prefix: str
    store: str
    weight: float
    prices: tuple[int, int]
    words: tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]
    perishable: bool = False


CATEGORIES = (
    Category(
        "Key chains", "KEY", "drawer-1", 8, (150, 600),
        (_COLOURS, _CREATURES, ("Key Chain", "Bag Charm", "Key Fob")),
    ),
    Category(
        "Stationery", "STA", "drawer-1", 5, (100, 900),
        (_COLOURS, _THINGS, ("Pencil Set", "Sticker Sheet", "Notebook", "Eraser", "Gel Pen")),
    ),
    Category(
        "Figures", "FIG", "cabinet-1", 9, (600, 4500),
        (_COLOURS, _THINGS, ("Figure", "Mini Figure", "Diorama")),
    ),
    Category(
        "Gadgets", "GAD", "cabinet-1", 7, (900, 6000),
        (_COLOURS, _THINGS, ("Night Light", "Speaker", "Watch", "Earphones", "Hand Fan")),
    ),
    Category(
        "Candy", "CAN", "bin-1", 8, (80, 500),
        (_TEXTURES, _TASTES, ("Gummies", "Lollipop", "Drops", "Candy Rope")), perishable=True,
    ),
    Category(
        "Frozen treats", "ICE", "cold-store-1", 4, (200, 600),
        (_TEXTURES, _TASTES, ("Ice Pop", "Ice Cup", "Sorbet Bar")), perishable=True,
    ),
    Category(
        "Capsule toys", "CAP", "box-1", 8, (200, 800),
        (_MOODS, _CREATURES, ("Capsule", "Blind Box", "Squeeze Toy")),
    ),
    Category(
        "Games and sports", "GAM", "rack-1", 5, (300, 2500),
        (_COLOURS, _THINGS, ("Ball", "Card Game", "Flying Disc", "Puzzle", "Yo-Yo")),
    ),
    Category(
        "Accessories", "ACC", "rack-1", 5, (400, 2200),
        (_COLOURS, _CREATURES, ("Cap", "Socks", "Tote Bag", "Hair Clip", "Wristband")),
    ),
    Category(
        "Plush toys", "PLU", "back-room-2", 24, (500, 3800),
        (_MOODS, _CREATURES, ("Plush", "Plush Pillow", "Jumbo Plush", "Hand Puppet")),
    ),
)  # fmt: skip

# code, name, kind, the place it is refilled from
BACK_PLACES = (
    ("back-room-1", "Goods in", "back_room", None),
    ("pallet-1", "Bulk pallet", "pallet", None),
    ("drawer-1", "Small goods drawers", "drawer", "back-room-1"),
    ("cabinet-1", "Locked cabinet", "cabinet", "back-room-1"),
    ("bin-1", "Candy bins", "bin", "pallet-1"),
    ("cold-store-1", "Cold store", "cold_store", None),
    ("box-1", "Capsule boxes", "box", "back-room-1"),
    ("rack-1", "Long rack", "rack", "pallet-1"),
    ("back-room-2", "Plush room", "back_room", "pallet-1"),
    ("display-1", "Prize counter display", "display", "cabinet-1"),
    ("shelf-1", "Snack shelf", "shelf", "cold-store-1"),
)

# code, name, lead time in days, minimum order in packs, the categories that it delivers
SUPPLIERS = (
    ("harbor-toys", "Harbor Toys (simulated)", 14, 1, ("Plush toys",)),
    ("bluebird-prizes", "Bluebird Prizes (simulated)", 7, 1, ("Plush toys", "Capsule toys")),
    ("sweet-street", "Sweet Street (simulated)", 4, 2, ("Candy", "Frozen treats")),
    ("paper-lantern", "Paper Lantern (simulated)", 6, 1, ("Stationery", "Key chains")),
    ("northgate-import", "Northgate Import (simulated)", 21, 2, ("Figures", "Gadgets")),
    ("riverside-goods", "Riverside Goods (simulated)", 10, 1, ("Games and sports", "Accessories")),
)
