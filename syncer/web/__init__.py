"""The daemon's door: webhooks come in, health and metrics are told. Nothing here does a run's work."""
