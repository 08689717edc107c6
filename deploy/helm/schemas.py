"""Compares objects with their schemas; a field that these do not know is an error.

Kubernetes has JSON schemas. For the objects of the Prometheus operator there are types, which leave
out what they do not know: what does not come back from them is wrong.
"""

import kubernetes_validate
import yaml
from cloudcoil.models.prometheus_operator import v1

OPERATOR = "monitoring.coreos.com/v1"
# The oldest version in which AppArmor is a field, and the newest.
VERSIONS = ["1.30", "1.37"]


def validate(one):
    """Raises an exception that names what is wrong."""
    if one["apiVersion"] == OPERATOR:
        of_operator(one)
    else:
        for version in VERSIONS:
            kubernetes_validate.validate(one, version, strict=True)


def of_operator(one):
    known = getattr(v1, one["kind"]).model_validate(one)
    known = known.model_dump(by_alias=True, exclude_unset=True, mode="json")
    lost = sorted(paths(one) - paths(known))
    assert not lost, f"{one['kind']} has no field {lost[0]}"


def paths(value, at=""):
    """Returns the path of each member of a value."""
    if isinstance(value, dict):
        members = [(f"{at}.{key}", member) for key, member in value.items()]
    elif isinstance(value, list):
        members = [(f"{at}[{number}]", member) for number, member in enumerate(value)]
    else:
        return set()
    return {path for path, _ in members}.union(*(paths(member, path) for path, member in members))


def check():
    """Raises an exception if a wrong object passes."""
    monitor = """
        apiVersion: monitoring.coreos.com/v1
        kind: PodMonitor
        metadata: { name: a }
        spec: { selector: {}, podMetricsEndpoints: [{ port: metrics, honorLabels: true }] }
    """
    service = "{ apiVersion: v1, kind: Service, metadata: { name: a }, spec: { clusterIP: None } }"
    for text, right, wrong in (
        (monitor, "honorLabels", "honourLabels"),
        (monitor, "true", "perhaps"),
        (service, "clusterIP", "clusterIp"),
    ):
        validate(yaml.safe_load(text))
        try:
            validate(yaml.safe_load(text.replace(right, wrong)))
        except Exception:  # noqa: BLE001
            continue
        raise AssertionError(f"{wrong} is not found")
