"""``python -m belle_data``: the command line."""

import sys

from belle_data.cli import main

if __name__ == "__main__":
    sys.exit(main())
