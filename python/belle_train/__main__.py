"""``python -m belle_train``."""

from belle_train.cli import program

if __name__ == "__main__":
    program()
