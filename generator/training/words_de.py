"""The German words of the scenes: what the captions of the training are made of."""

from __future__ import annotations

from typing import Final

Words = dict[str, tuple[str, ...]]
Pairs = dict[str, tuple[tuple[str, str], ...]]

THINGS: Final[Pairs] = {
    "ball": (("Ball", "m"), ("Ball", "m"), ("Kugel", "f"), ("Wasserball", "m"), ("Kreis", "m")),
    "cube": (
        ("Würfel", "m"),
        ("Würfel", "m"),
        ("Kasten", "m"),
        ("Quadrat", "n"),
        ("Block", "m"),
        ("Kiste", "f"),
    ),
    "pyramid": (("Pyramide", "f"), ("Pyramide", "f"), ("Dreieck", "n"), ("Kegel", "m")),
    "star": (("Stern", "m"),),
    "heart": (("Herz", "n"),),
    "car": (("Auto", "n"), ("Auto", "n"), ("Wagen", "m"), ("Taxi", "n")),
    "house": (("Haus", "n"), ("Haus", "n"), ("Hütte", "f"), ("Häuschen", "n")),
    "tree": (("Baum", "m"), ("Baum", "m"), ("Apfelbaum", "m"), ("Eiche", "f")),
    "boat": (("Boot", "n"), ("Boot", "n"), ("Schiff", "n"), ("Segelboot", "n")),
    "balloon": (("Ballon", "m"), ("Luftballon", "m")),
    "rocket": (("Rakete", "f"), ("Rakete", "f"), ("Raumschiff", "n")),
    "fish": (("Fisch", "m"), ("Fisch", "m"), ("Goldfisch", "m")),
    "cat": (("Katze", "f"), ("Katze", "f"), ("Kätzchen", "n"), ("Kater", "m")),
}
"""Each with its gender."""
COLOURS: Final[Words] = {
    "red": ("rot", "rot", "knallrot"),
    "orange": ("orange-", "orangefarben", "orang"),
    "yellow": ("gelb", "gelb", "golden"),
    "green": ("grün", "grün", "hellgrün"),
    "blue": ("blau", "blau", "tiefblau"),
    "purple": ("lila-", "violett"),
    "pink": ("rosa-", "rosa-", "pink-", "rosafarben"),
    "white": ("weiß", "weiss"),
}
"""Stems; a trailing "-" marks a word that takes no ending."""
MOTIONS: Final[Pairs] = {
    "left": (
        ("rollt", "nach links"),
        ("bewegt sich", "nach links"),
        ("gleitet", "nach links"),
        ("fliegt", "von rechts nach links"),
        ("wandert", "nach links"),
        ("rutscht", "nach links"),
        ("fährt", "nach links"),
        ("schwimmt", "nach links"),
        ("läuft", "nach links"),
        ("segelt", "nach links"),
    ),
    "right": (
        ("rollt", "nach rechts"),
        ("bewegt sich", "nach rechts"),
        ("gleitet", "nach rechts"),
        ("fliegt", "von links nach rechts"),
        ("wandert", "nach rechts"),
        ("rutscht", "nach rechts"),
        ("fährt", "nach rechts"),
        ("schwimmt", "nach rechts"),
        ("läuft", "nach rechts"),
        ("segelt", "nach rechts"),
        ("fährt", ""),
        ("rollt", ""),
        ("schwimmt", ""),
        ("läuft", ""),
        ("segelt", ""),
        ("fliegt", ""),
    ),
    "rise": (
        ("steigt", "auf"),
        ("steigt", "nach oben"),
        ("schwebt", "nach oben"),
        ("fliegt", "in die Höhe"),
        ("hebt", "ab"),
        ("bewegt sich", "nach oben"),
        ("startet", ""),
        ("steigt", "in den Himmel"),
    ),
    "fall": (
        ("fällt", ""),
        ("fällt", "herunter"),
        ("fällt", "vom Himmel"),
        ("sinkt", "herab"),
        ("bewegt sich", "nach unten"),
        ("landet", ""),
        ("stürzt", "ab"),
    ),
    "bounce": (
        ("hüpft", ""),
        ("springt", ""),
        ("hüpft", "auf und ab"),
        ("springt", "auf und ab"),
        ("springt", "hoch und runter"),
    ),
    "still": (
        ("steht", "still"),
        ("ruht", ""),
        ("liegt", ""),
        ("bewegt sich", "nicht"),
        ("steht", ""),
        ("bleibt", "stehen"),
        ("sitzt", ""),
        ("wartet", ""),
    ),
    "spin": (
        ("dreht sich", ""),
        ("rotiert", ""),
        ("wirbelt", "herum"),
        ("dreht sich", "um sich selbst"),
    ),
    "grow": (
        ("wächst", ""),
        ("wird", "größer"),
        ("wird", "immer größer"),
        ("bläht sich", "auf"),
    ),
    "shrink": (
        ("schrumpft", ""),
        ("wird", "kleiner"),
        ("wird", "immer kleiner"),
        ("wird", "winzig"),
    ),
    "circle": (
        ("kreist", ""),
        ("fliegt", "im Kreis"),
        ("bewegt sich", "im Kreis"),
        ("zieht", "Kreise"),
    ),
}
"""Each as its finite verb and what follows that."""
GROUNDS: Final[Words] = {
    "meadow": (
        "auf einer Wiese",
        "auf der grünen Wiese",
        "im Gras",
        "über einem Feld",
        "im Park",
        "auf dem Rasen",
    ),
    "desert": ("in der Wüste", "im Sand", "am Strand", "auf gelbem Sand", "über den Dünen"),
    "snow": ("im Schnee", "auf weißem Schnee", "über einem verschneiten Feld", "im Winter", "auf Schnee"),
    "sea": ("auf dem Meer", "über dem Wasser", "über dem blauen Ozean", "auf den Wellen", "über einem See"),
    "city": (
        "in der Stadt",
        "auf der Straße",
        "vor einer Skyline",
        "auf einer grauen Straße",
        "vor Hochhäusern",
        "durch die Stadt",
    ),
    "forest": ("im Wald", "am Waldrand", "zwischen Tannen", "vor einem Wald", "durch den Wald"),
    "mountains": (
        "in den Bergen",
        "vor den Bergen",
        "im Gebirge",
        "in den Alpen",
        "vor verschneiten Gipfeln",
    ),
}
TIMES: Final[Words] = {
    "day": ("am Tag", "bei Tag", "unter blauem Himmel", "am Mittag", "im Sonnenschein", "tagsüber"),
    "sunset": ("bei Sonnenuntergang", "in der Dämmerung", "am Abend", "im Abendlicht", "in der Abendsonne"),
    "night": ("bei Nacht", "in der Nacht", "nachts", "unter den Sternen", "im Mondschein", "um Mitternacht"),
}
STYLES: Final[Words] = {
    "cartoon": ("im Zeichentrickstil", "als Zeichentrick", "im Comicstil", "Cartoon"),
    "watercolour": (
        "als Aquarell",
        "im Aquarellstil",
        "in Wasserfarben",
        "mit Wasserfarben gemalt",
        "Aquarell",
    ),
    "pixel": (
        "als Pixelgrafik",
        "im Pixelstil",
        "als Pixel Art",
        "verpixelt",
        "im Stil alter Computerspiele",
    ),
}
CAMERAS: Final[Words] = {
    "static": ("feste Kamera", "die Kamera bewegt sich nicht", "Kamera steht still"),
    "pan left": (
        "die Kamera schwenkt nach links",
        "Kameraschwenk nach links",
        "Schwenk nach links",
        "die Kamera fährt nach links",
    ),
    "pan right": (
        "die Kamera schwenkt nach rechts",
        "Kameraschwenk nach rechts",
        "Schwenk nach rechts",
        "die Kamera fährt nach rechts",
    ),
    "zoom in": ("die Kamera zoomt heran", "Kamera zoomt hinein", "Zoom hinein", "die Kamera kommt näher"),
    "zoom out": ("die Kamera zoomt heraus", "Kamera zoomt weg", "Zoom heraus", "die Kamera entfernt sich"),
}
