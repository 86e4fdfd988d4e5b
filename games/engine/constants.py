"""Constants that the compiled kernel and its Python callers share."""

# How an episode stands, in `Batch.end`: it goes on, the rules ended it, or time ran out.
RUNNING, OVER, OUT_OF_TIME = 0, 1, 2

# Who decides for a seat, in `Batch.bots`: the caller, or chance. A number from 0 to 1 is the skill of the game's bot.
EXTERNAL, RANDOM = -2.0, -1.0

RING = 64  # length of the ring buffer of delayed decisions
NOTHING = -2  # an empty place in the ring
NO_ACTION = -1  # the action of a seat that does nothing, in games with `asks`
LONGEST_DELAY = 60  # ticks until a decision takes effect, at most
HELD_OUT = 1_000_000_000  # levels from this number on are for tests
LEVEL_STREAM = 0x5DEECE66D5DEECE6  # with a level's number it seeds the random stream that makes the level

# How the rewards of two seats are related, the first by default, and the word between the names of those who sit in them.
REWARDS = {"zero-sum": "against", "shared": "with", "own": "beside"}
