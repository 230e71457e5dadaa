"""Mocked clouds on loopback, and the guard that keeps a dry run there."""
