"""Stress tests: `make torture`, or python -m benchmarks.torture [PART...] [--kills 25] [--seed 0]."""

from __future__ import annotations

import argparse

from benchmarks.torture import hostile, kills, tampered

MODULES = {"kills": kills, "tampered": tampered, "hostile": hostile}
PARTS = {name: module.run_part for name, module in MODULES.items()}


def main() -> None:
    """Run the chosen parts, by default all. Each stops at its first failed assertion."""
    text = "\n\n".join(f"{name}: {module.__doc__}" for name, module in MODULES.items())
    parser = argparse.ArgumentParser(description=text, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"Default: {' '.join(PARTS)}.")
    parser.add_argument("--kills", type=int, default=25, help="Number of workers to kill (kills). Default: 25.")
    parser.add_argument("--seed", type=int, default=0, help="Seed of the times of the kills (kills). Default: 0.")
    options = parser.parse_args()
    for name in options.parts or PARTS:
        PARTS[name](options)


if __name__ == "__main__":
    main()
