"""`gymnasium.utils.play.play` with a game's own keys: its window is fed with posted events."""

import warnings

import gymnasium as gym
import pygame
import pytest

import games
from games.envs.gymnasium import SparringEnv
from games.errors import UserError

with warnings.catch_warnings():  # it asks matplotlib for a window at import
    warnings.simplefilter("ignore")
    from gymnasium.utils.play import play

STAY, UP, DOWN = 0, 1, 2


def played(env, keys, **settings):
    """The actions of a game in which each of these keys is held for one step; None: no key. Then the window is closed."""
    actions, waiting = [], list(keys)

    def post(kind, **values):
        pygame.event.post(pygame.event.Event(kind, **values))

    def press_next():
        if waiting[0] is not None:
            post(pygame.KEYDOWN, key=waiting[0])

    def stepped(before, after, action, *rest):
        actions.append(action)
        key = waiting.pop(0)
        if key is not None:
            post(pygame.KEYUP, key=key)
        if waiting:
            press_next()
        else:
            post(pygame.QUIT)

    pygame.init()
    press_next()
    play(env, callback=stepped, fps=1000, seed=1, **settings)
    return actions


def test_the_games_keys_play_it():
    env = gym.make(games.load("pong").env_id, observation="objects", render_mode="rgb_array")
    keys = [None, pygame.K_w, pygame.K_s, pygame.K_UP, pygame.K_DOWN, None, pygame.K_x]
    assert played(env, keys[:-1]) == [STAY, UP, DOWN, UP, DOWN, STAY]


def test_a_board_waits_for_the_player():
    env = gym.make(games.load("connect_four").env_id, observation="objects", render_mode="rgb_array")
    assert played(env, [pygame.K_4, pygame.K_1], wait_on_player=True) == [3, 0]


@pytest.mark.parametrize("name", games.names())
def test_every_game_has_keys_for_gymnasium(name):
    env = SparringEnv(name, observation="objects")
    found = env.get_keys_to_action()
    assert all(env.action_space.contains(action) for action in found.values())
    named = {env.game.actions[action] for action in found.values()}
    assert named == set(env.game.keys[0].values())


def test_a_key_moves_what_it_moves_in_the_picture(toy):
    """The mirrored seat sees left and right exchanged, the picture does not."""
    fog = toy("fog")
    left, right = fog.actions.index("left"), fog.actions.index("right")
    key = {action: (pygame.key.key_code(key),) for key, action in fog.keys[1].items()} if pygame.init() else {}
    ours, mirrored = (SparringEnv(fog, seat=seat, observation="objects").get_keys_to_action() for seat in (0, 1))
    assert (mirrored[key["left"]], mirrored[key["right"]]) == (right, left)
    assert (ours[key["left"]], ours[key["right"]]) == (left, right)


def test_moves_that_only_the_window_has_are_left_out(toy):
    with pytest.raises(UserError, match=r"only its window has: play\.py"):
        SparringEnv(toy("placements"), observation="objects").get_keys_to_action()
    with pytest.raises(UserError, match="with the mouse"):
        SparringEnv(toy("passes"), observation="objects").get_keys_to_action()
