"""PPO and DQN."""
