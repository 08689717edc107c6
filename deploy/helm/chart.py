"""Renders the chart; for the programs beside this file.

No cluster and no helm program is needed: the package helm-python-sdk is Helm's engine.
"""

import contextlib
import functools
import os
import pathlib

import helm_python
import yaml

HELM = pathlib.Path(__file__).resolve().parent
CHART = HELM / "tcpwarden"
ROOT = HELM.parents[1]
NAME = NAMESPACE = "tcpwarden"


@contextlib.contextmanager
def quiet():
    """Drops what Helm prints: it names each link that it follows. Its errors are exceptions."""
    kept = os.dup(2)
    with open(os.devnull, "w", encoding="utf-8") as nothing:
        os.dup2(nothing.fileno(), 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)


@functools.cache
def loaded():
    """Returns the chart."""
    with quiet():
        return helm_python.Chart.load(str(CHART))


def lint(values, version):
    """Returns what is wrong with these values in a version of Kubernetes, the newest for `None`."""
    with quiet():
        said = helm_python.lint(str(CHART), values, strict=True, kube_version=version)
    return said["errors"]


def package(folder):
    """Packs the chart, and returns the path of the archive."""
    with quiet():
        return helm_python.package(str(CHART), destination=str(folder))


class Loader(yaml.SafeLoader):
    """Reads YAML, and raises an exception where a mapping has a key twice."""

    def construct_mapping(self, node, deep=False):
        keys = [self.construct_object(key) for key, _ in node.value]
        twice = [key for key in keys if keys.count(key) > 1]
        assert not twice, f"{twice[0]} stands there twice{node.start_mark}"
        return super().construct_mapping(node, deep)


def texts(values, namespace=NAMESPACE):
    """Returns the text of each file of the chart that gives objects, by its path."""
    loaded().validate_schema(values)
    files = loaded().render(values, name=NAME, namespace=namespace)
    files = {path: text for path, text in sorted(files.items()) if path.endswith(".yaml")}
    return {path: text for path, text in files.items() if text.strip()}


def objects(values, namespace=NAMESPACE):
    """Returns the objects."""
    files = texts(values, namespace).values()
    return [one for text in files for one in yaml.load_all(text, Loader) if one]


def agent(found):
    """Returns the DaemonSet, its pod and its container."""
    (daemons,) = [one for one in found if one["kind"] == "DaemonSet"]
    pod = daemons["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    return daemons, pod, container


def option(container, name):
    """Returns the value of an option, if it is given."""
    values = [arg.partition("=")[2] for arg in container["args"] if arg.split("=")[0] == name]
    assert len(values) < 2, f"{name} twice"
    return values[0] if values else None


def environment(container):
    """Returns the variables that have a value."""
    return {one["name"]: one["value"] for one in container["env"] if "value" in one}
