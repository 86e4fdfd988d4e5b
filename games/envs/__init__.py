"""The standard APIs over every game: Gymnasium's and PettingZoo's."""
