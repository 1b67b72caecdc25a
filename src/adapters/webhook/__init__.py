"""Platforms and providers that are told of changes by signed events without clinical content. Contract: README.md."""
