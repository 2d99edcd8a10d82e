"""``python -m belle_train``."""

import sys

from belle_train.cli import main

if __name__ == "__main__":
    sys.exit(main())
