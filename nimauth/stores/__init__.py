"""Credential stores: who may be auto logged in, and with what secret. `base` holds the protocol."""
