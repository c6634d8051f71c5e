"""The English words of the scenes: what the captions of the training are made of."""

from __future__ import annotations

from typing import Final

Words = dict[str, tuple[str, ...]]
Pairs = dict[str, tuple[tuple[str, str], ...]]

THINGS: Final[Words] = {
    "ball": ("ball", "ball", "ball", "sphere", "beach ball", "circle"),
    "cube": ("cube", "cube", "box", "square", "block"),
    "pyramid": ("pyramid", "pyramid", "triangle", "cone"),
    "star": ("star",),
    "heart": ("heart",),
    "car": ("car", "car", "automobile", "vehicle", "taxi"),
    "house": ("house", "house", "hut", "cottage", "home"),
    "tree": ("tree", "tree", "oak", "apple tree"),
    "boat": ("boat", "boat", "ship", "sailboat", "sailing boat"),
    "balloon": ("balloon", "balloon", "party balloon"),
    "rocket": ("rocket", "rocket", "spaceship", "space rocket"),
    "fish": ("fish", "fish", "goldfish"),
    "cat": ("cat", "cat", "kitten", "kitty"),
}
COLOURS: Final[Words] = {
    "red": ("red", "red", "red", "crimson", "scarlet"),
    "orange": ("orange",),
    "yellow": ("yellow", "yellow", "golden"),
    "green": ("green", "green", "green", "emerald"),
    "blue": ("blue", "blue", "blue", "azure"),
    "purple": ("purple", "purple", "violet"),
    "pink": ("pink", "pink", "rose-coloured", "magenta"),
    "white": ("white",),
}
MOTIONS: Final[Pairs] = {
    "left": (
        ("rolls to the left", "rolling to the left"),
        ("moves left", "moving left"),
        ("slides to the left", "sliding to the left"),
        ("flies from right to left", "flying from right to left"),
        ("goes left", "going left"),
        ("drifts leftwards", "drifting leftwards"),
        ("drives to the left", "driving to the left"),
        ("swims to the left", "swimming to the left"),
        ("runs left", "running left"),
        ("sails to the left", "sailing to the left"),
    ),
    "right": (
        ("rolls to the right", "rolling to the right"),
        ("moves right", "moving right"),
        ("slides to the right", "sliding to the right"),
        ("flies from left to right", "flying from left to right"),
        ("goes right", "going right"),
        ("drifts rightwards", "drifting rightwards"),
        ("drives to the right", "driving to the right"),
        ("swims to the right", "swimming to the right"),
        ("runs right", "running right"),
        ("sails to the right", "sailing to the right"),
        ("drives along", "driving along"),
        ("drives", "driving"),
        ("rolls", "rolling"),
        ("sails", "sailing"),
        ("swims", "swimming"),
        ("walks", "walking"),
        ("runs", "running"),
        ("flies", "flying"),
    ),
    "rise": (
        ("rises", "rising"),
        ("floats up", "floating up"),
        ("flies upwards", "flying upwards"),
        ("moves up", "moving up"),
        ("takes off", "taking off"),
        ("climbs into the sky", "climbing into the sky"),
        ("flies up", "flying up"),
        ("launches", "launching"),
    ),
    "fall": (
        ("falls", "falling"),
        ("drops down", "dropping down"),
        ("falls from the sky", "falling from the sky"),
        ("moves down", "moving down"),
        ("sinks", "sinking"),
        ("lands", "landing"),
        ("falls down", "falling down"),
    ),
    "bounce": (
        ("bounces", "bouncing"),
        ("jumps", "jumping"),
        ("bounces up and down", "bouncing up and down"),
        ("hops", "hopping"),
        ("jumps up and down", "jumping up and down"),
    ),
    "still": (
        ("stands still", "standing still"),
        ("rests", "resting"),
        ("sits", "sitting"),
        ("does not move", "not moving"),
        ("lies", "lying"),
        ("stays in place", "staying in place"),
        ("stands", "standing"),
        ("waits", "waiting"),
    ),
    "spin": (
        ("spins", "spinning"),
        ("rotates", "rotating"),
        ("turns around", "turning around"),
        ("twirls", "twirling"),
        ("spins around", "spinning around"),
    ),
    "grow": (
        ("grows", "growing"),
        ("gets bigger", "getting bigger"),
        ("becomes larger", "becoming larger"),
        ("swells", "swelling"),
        ("expands", "expanding"),
    ),
    "shrink": (
        ("shrinks", "shrinking"),
        ("gets smaller", "getting smaller"),
        ("becomes smaller", "becoming smaller"),
        ("gets tiny", "getting tiny"),
    ),
    "circle": (
        ("moves in a circle", "moving in a circle"),
        ("flies in circles", "flying in circles"),
        ("circles", "circling"),
        ("goes round in circles", "going round in circles"),
        ("loops", "looping"),
    ),
}
"""Each in its finite form and with -ing."""
GROUNDS: Final[Words] = {
    "meadow": (
        "on a meadow",
        "on the grass",
        "over green grass",
        "in a green field",
        "in a park",
        "on the lawn",
    ),
    "desert": ("in the desert", "on the sand", "on a beach", "over yellow sand", "among the dunes"),
    "snow": ("in the snow", "on white snow", "over a snowy field", "in winter", "on snow"),
    "sea": ("on the sea", "over the water", "over the blue ocean", "on the waves", "above a lake", "at sea"),
    "city": (
        "in the city",
        "on the street",
        "in front of a skyline",
        "on a grey road",
        "before tall buildings",
        "through the city",
        "in town",
    ),
    "forest": (
        "in the forest",
        "in the woods",
        "at the edge of a forest",
        "among fir trees",
        "through the forest",
    ),
    "mountains": (
        "in the mountains",
        "in front of mountains",
        "below snowy peaks",
        "in the alps",
        "before a mountain",
    ),
}
TIMES: Final[Words] = {
    "day": ("by day", "in daylight", "under a blue sky", "at noon", "in the sunshine", "during the day"),
    "sunset": ("at sunset", "at dusk", "in the evening", "in the evening light", "at sundown"),
    "night": (
        "at night",
        "under the stars",
        "in the moonlight",
        "at midnight",
        "by night",
        "under a starry sky",
    ),
}
STYLES: Final[Words] = {
    "cartoon": ("in cartoon style", "as a cartoon", "cartoon", "comic style"),
    "watercolour": (
        "as a watercolour",
        "in watercolour style",
        "watercolor painting",
        "painted in watercolours",
        "in watercolor",
    ),
    "pixel": ("as pixel art", "in pixel art style", "pixel art", "in retro game style", "pixelated"),
}
CAMERAS: Final[Words] = {
    "static": ("static camera", "fixed camera", "the camera does not move"),
    "pan left": (
        "the camera pans left",
        "camera pans to the left",
        "camera moving left",
        "panning left",
        "pan left",
    ),
    "pan right": (
        "the camera pans right",
        "camera pans to the right",
        "camera moving right",
        "panning right",
        "pan right",
    ),
    "zoom in": ("the camera zooms in", "zooming in", "zoom in", "slow zoom in", "camera moves closer"),
    "zoom out": ("the camera zooms out", "zooming out", "zoom out", "slow zoom out", "camera pulls back"),
}
