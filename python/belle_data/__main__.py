"""``python -m belle_data``: the command line."""

import sys

if __name__ == "__main__":
    try:
        from belle_data.cli import main
    except KeyboardInterrupt:
        # Before the command line itself can say it.
        sys.exit(130)
    sys.exit(main())
