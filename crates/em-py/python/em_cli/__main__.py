"""``python -m em_cli`` is ``em-cli``."""

from ._launch import main

if __name__ == "__main__":
    main()
