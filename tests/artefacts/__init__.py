"""Trained models of others that the tests carry: see README.md."""
