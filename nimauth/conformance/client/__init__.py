"""The tests of a client in any language, behind the adapter protocol: what `nimauth conform` runs."""
