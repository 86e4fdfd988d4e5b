"""The colours around the pictures, in the window and on pages."""

GROUND_TOP, GROUND_BOTTOM = (9, 12, 24), (6, 8, 17)  # the window around the pictures
WHITE, SOFT, FAINT = (240, 244, 252), (176, 186, 210), (124, 136, 168)
LINE = (48, 60, 96)  # around a picture
CARD = (18, 24, 44)
ACCENT = (62, 190, 255)  # progress, as the icon's paddle
DARKEST = (8, 11, 24)  # the ground of a result, and texts on a light ground
WELL = (11, 15, 30)  # behind an agent's eye: pictures, bars and the line
BAR = (62, 82, 132)  # there, of an action that was not chosen
