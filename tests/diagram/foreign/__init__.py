"""Other people's engines run what we export, and must come to where the machine itself comes."""
