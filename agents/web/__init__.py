"""Pages on which people play agents in a browser: python -m agents.web pong --single"""
