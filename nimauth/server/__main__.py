"""`python -m nimauth.server`: the reference server as a process."""

import argparse
import sys

from .command import add_arguments, run

if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m nimauth.server")
    add_arguments(parser)
    sys.exit(run(parser.parse_args()))
