"""Other people's environments, agents and formats."""
