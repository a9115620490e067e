"""`python -m nimauth` is the command `nimauth`."""

import sys

from .cli import main

sys.exit(main())
