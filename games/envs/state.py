"""The state of a running environment, under the names of the Arcade Learning Environment: `clone_state`, `restore_state`.

    state = env.unwrapped.clone_state()
    ...                                    # look ahead
    env.unwrapped.restore_state(state)     # and back

A state costs less than a copy of the environment: use it for planning and tree search.
"""

from copy import deepcopy
from dataclasses import dataclass
from typing import Any

import numpy as np

from games.engine.batch import Batch
from games.engine.view import View
from games.errors import UserError


@dataclass(frozen=True, eq=False)
class EnvState:
    """All that the future of an environment depends on, its random streams and its opponent included. It can be pickled."""

    layout: dict[str, Any]  # of the environment that it is of: a state fits only its like
    batch: bytes
    view: dict[str, np.ndarray]
    attributes: list[dict[str, Any]]  # of the environment and of its parts
    player: Any  # the state of an opponent that is no bot


class CloneState:
    """Gives an environment `clone_state` and `restore_state`. It has a batch, and a view of the seats that the caller plays."""

    batch: Batch
    view: View

    def _changing(self) -> list[tuple[Any, tuple[str, ...]]]:
        """The objects with attributes that change as the environment runs, beside batch and view; and their names."""
        raise NotImplementedError

    def _player(self) -> Any:
        """The opponent, if it is no bot."""
        return None

    def clone_state(self, include_rng: bool = True) -> EnvState:
        """The state now. include_rng, ALE's argument, may only be True: a game's random stream is a part of its state."""
        if not include_rng:
            raise UserError("A game's random stream is a part of its state: call clone_state() without include_rng=False.")
        player = self._player()
        if player is not None and not (hasattr(player, "state") and hasattr(player, "restore")):
            raise UserError(
                f"The state of the opponent, a {type(player).__name__}, is not known: give it state() and restore(state).\n"
                "Or copy the whole environment: copy.deepcopy(env)."
            )
        attributes = [{name: deepcopy(getattr(part, name)) for name in names} for part, names in self._changing()]
        state = None if player is None else player.state()
        return EnvState(layout_of(self.view), self.batch.snapshot(), self.view.state(), attributes, state)

    def restore_state(self, state: EnvState) -> None:
        """Go on from a state of this environment, or of one that was made the same way; `UserError` for any other."""
        for name, value in layout_of(self.view).items():
            if state.layout[name] != value:
                raise UserError(f"The state is of another environment: its {name} is {state.layout[name]}, not {value}.")
        player = self._player()
        if (player is None) != (state.player is None):
            raise UserError("The state is of an environment with another opponent.")
        self.batch.restore(state.batch)
        self.view.restore(state.view)
        for (part, _), values in zip(self._changing(), state.attributes, strict=True):
            for name, value in values.items():
                setattr(part, name, deepcopy(value))
        if player is not None:
            player.restore(state.player)


def layout_of(view: View) -> dict[str, Any]:
    """The layout of an environment: one can go on from another's state if the layouts are equal."""
    game, rows = view.game, np.stack([view.envs, view.seats], 1).tolist()
    return {
        "game": game.name,
        "version": game.version,
        "file": None if game.shipped else game.digest,
        "seats": rows,
        "observation": view.observation,
        "size": view.size,
        "stack": view.stack,
    }
