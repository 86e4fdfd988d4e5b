"""PPO, DQN and PQN."""
