#!/usr/bin/env python3
"""Copies alert rules and dashboards into the chart, where its templates find them.

    deploy/helm/files.py            copies, and removes what has no source any more
    deploy/helm/files.py --check    changes nothing; ends with 1 where a copy differs
"""

import pathlib
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
CHART = ROOT / "deploy/helm/tcpwarden"
# Source folder, its ending, folder in the chart, ending there.
COPIES = [
    ("dashboards/prometheus", ".yml", "files/rules", ".yaml"),
    ("dashboards/grafana", ".json", "files/dashboards", ".json"),
]


def wanted():
    """Returns the path of each copy with its bytes."""
    copies = {}
    for source, ending, folder, new_ending in COPIES:
        found = sorted((ROOT / source).glob(f"*{ending}"))
        if not found:
            sys.exit(f"no *{ending} in {source}: `cargo xtask dashboards` writes them")
        for path in found:
            copies[CHART / folder / (path.stem + new_ending)] = path.read_bytes()
    return copies


def present():
    """Returns the path of each file that is there, with its bytes."""
    files = {}
    for _, _, folder, _ in COPIES:
        for path in (CHART / folder).glob("*"):
            files[path] = path.read_bytes()
    return files


def main(arguments):
    if arguments not in ([], ["--check"]):
        sys.exit(__doc__)
    copies, files = wanted(), present()
    differing = sorted(
        path for path in copies.keys() | files.keys() if copies.get(path) != files.get(path)
    )
    if arguments:
        for path in differing:
            print(f"{path.relative_to(ROOT)} is not what deploy/helm/files.py copies")
        return 1 if differing else 0
    for path in differing:
        if path in copies:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(copies[path])
        else:
            path.unlink()
    print(f"{len(copies)} files, {len(differing)} of them changed")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
