"""Players who are unlike the bots: models of people, and odd players."""
