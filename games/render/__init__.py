"""Pictures for people, painted with pygame-ce."""

from games.render.pygame_ce import require_pygame_ce

require_pygame_ce()
