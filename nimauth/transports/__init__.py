"""How a login session reaches a server. `base` holds the two protocols; each other module is one transport."""
