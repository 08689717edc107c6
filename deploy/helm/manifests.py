#!/usr/bin/env python3
"""Renders the chart into the plain manifests of deploy/kubernetes.

    deploy/helm/manifests.py            writes them
    deploy/helm/manifests.py --check    changes nothing; ends with 1 where a file differs

It needs the packages of requirements.txt: `cargo xtask test --full chart` installs them, and then
`target/tools/chart-python/bin/python deploy/helm/manifests.py` runs it.
"""

import pathlib
import re
import sys

sys.dont_write_bytecode = True
import chart  # noqa: E402

FOLDER = chart.ROOT / "deploy/kubernetes"
HEAD = """\
# Written by deploy/helm/manifests.py from the chart in deploy/helm/tcpwarden; do not edit.
"""
NAMESPACE = f"""\
---
apiVersion: v1
kind: Namespace
metadata:
  name: {chart.NAMESPACE}
  labels:
    # hostPID, hostPath and added capabilities are in this level only.
    pod-security.kubernetes.io/enforce: privileged
"""
# Labels that are true of a release of Helm only.
OF_HELM = ("helm.sh/chart:", "app.kubernetes.io/managed-by:")
# What others need comes first; kinds that are not here come last.
ORDER = ["Namespace", "ServiceAccount", "ConfigMap", "Secret", "Service", "DaemonSet"]
# Each file: values, and whether the namespace and the agent are in it.
FILES = {
    "tcpwarden.yaml": ({}, True),
    "podmonitor.yaml": ({"podMonitor": {"enabled": True}}, False),
}


def plain(text):
    """Returns a document without the labels of Helm and the empty lines around it."""
    lines = [line for line in text.strip().splitlines() if not line.strip().startswith(OF_HELM)]
    return "\n".join(lines).removeprefix("---\n") + "\n"


def place(text):
    """Returns where a document stands among those of its file."""
    kind = re.search("^kind: (.*)$", text, re.MULTILINE)[1]
    return ORDER.index(kind) if kind in ORDER else len(ORDER)


def wanted():
    """Returns the text of each file by its path."""
    base = chart.texts({})
    files = {}
    for name, (values, is_agent) in FILES.items():
        texts = base if is_agent else chart.texts(values).items() - base.items()
        texts = sorted((plain(text) for _, text in sorted(dict(texts).items())), key=place)
        start = HEAD + NAMESPACE if is_agent else HEAD
        files[FOLDER / name] = start + "".join(f"---\n{text}" for text in texts)
    return files


def main(arguments):
    if arguments not in ([], ["--check"]):
        sys.exit(__doc__)
    files = wanted()
    present = {path: path.read_text(encoding="utf-8") for path in FOLDER.glob("*.yaml")}
    paths = files.keys() | present.keys()
    differing = sorted(path for path in paths if files.get(path) != present.get(path))
    for path in differing:
        if arguments:
            print(f"{path.relative_to(chart.ROOT)} is not what deploy/helm/manifests.py writes")
        elif path in files:
            path.write_text(files[path], encoding="utf-8")
        else:
            pathlib.Path(path).unlink()
    return 1 if differing and arguments else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
