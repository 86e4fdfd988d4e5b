"""Gymnasium environments as games to train on."""
