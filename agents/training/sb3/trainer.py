"""A run of Stable-Baselines3's: the loop of `agents.training.trainer`, another learner, and files that are its own."""

from typing import Any

from torch import Tensor

from agents.bridges.sb3.agent import Sb3Agent, weights_of
from agents.training.sb3.learner import Sb3Learner
from agents.training.trainer import Trainer
from games.engine.loader import Game


class Sb3Trainer(Trainer):
    """As `Trainer`; but it keeps no checkpoint, so that it cannot be gone on with."""

    agent_file = "agent.zip"

    def _learner(self) -> Any:
        assert isinstance(self.game, Game)  # `settings.fit` refuses others
        return Sb3Learner(self.game, self.config, self.threads, self.levels)

    def _best(self) -> Sb3Agent:
        weights, steps = weights_of(self.folder / self.agent_file, self.config.device)
        self.learner.take(weights)
        agent = self.learner.agent()
        agent.info.steps = steps
        return agent

    def _state(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """The agent's weights and the steps they have learned from, for `_save`."""
        return self.learner.weights(), {"steps": self.learner.steps}

    def _save(self, state: tuple[dict[str, Tensor], dict[str, Any]]) -> None:
        """The agent of that state, as long as no evaluation of one that has learned has chosen one."""
        self.log.flush()
        if self.evaluated <= 0:
            weights, meta = state
            self.learner.take(weights)
            agent = self.learner.agent()
            agent.info.steps = meta["steps"]
            agent.save(self.folder / self.agent_file)
