"""The NIM transport."""
