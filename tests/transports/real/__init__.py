"""Transports against servers that nobody here wrote: Prosody, ejabberd and Mosquitto, on loopback."""
