#!/usr/bin/env python3
"""Renders the chart with each file of ci/ and checks what comes out.

    pip install helm-python-sdk kubernetes-validate PyYAML
    deploy/helm/files.py && deploy/helm/check.py

No cluster and no helm program is needed: the first package is Helm's engine, the second has the
schemas of Kubernetes. Objects of the Prometheus operator have no schema there; of them only what is
said below is checked. Ends with 1 where something is wrong, and names it.
"""

import hashlib
import json
import pathlib
import sys

import helm_python
import kubernetes_validate
import yaml

sys.dont_write_bytecode = True
import readme  # noqa: E402

HELM = pathlib.Path(__file__).resolve().parent
CHART = HELM / "tcpwarden"
ROOT = HELM.parents[1]
OPERATOR = "monitoring.coreos.com/v1"
VERSIONS = ["1.30", "1.37"]
TRIED = ["BPF", "PERFMON", "SYS_ADMIN", "SYS_PTRACE"]

# Values that must be refused, and a word of the message.
REFUSED = [
    ({"hostNetwrok": True}, "hostNetwrok"),
    ({"image": {"tags": "1"}}, "tags"),
    ({"listen": {"address": "localhost"}}, "address"),
    ({"listen": {"address": "unix:/tmp/x.sock"}}, "address"),
    ({"listen": {"port": 443}}, "port"),
    ({"capabilities": {"extra": ["CAP_SETPCAP"]}}, "extra"),
    ({"extraArgs": ["-x"]}, "extraArgs"),
    ({"appArmorProfile": {"type": "Localhost"}}, "localhostProfile"),
    ({"livenessProbe": {"httpGet": {}}}, "httpGet"),
    ({"podMonitor": {"enabled": True}, "serviceMonitor": {"enabled": True}}, "twice"),
    ({"networkPolicy": {"enabled": True}}, "hostNetwork"),
    ({"podMonitor": {"enabled": True}, "listen": {"address": "127.0.0.1"}}, "loopback"),
    ({"hostNetwork": False, "listen": {"address": "127.0.0.1"}}, "loopback"),
    ({"podMonitor": {"enabled": True}, "listen": {"address": "unix:/run/tcpwarden/a"}}, "socket"),
    ({"webConfig": {"secrets": ["a"]}, "listen": {"address": "unix:/run/tcpwarden/a"}}, "socket"),
    ({"serviceMonitor": {"enabled": True}, "service": {"enabled": False}}, "service.enabled"),
]
# A limit of memory, and the rows that follow from it; None where the option is left out.
ROWS = [
    ("256Mi", 1_000_000),
    ("128Mi", (128 * 2**20 - 40 * 2**20) // 192),
    ("64Mi", (64 - 40) * 2**20 // 192),
    ("1Mi", 10_000),
    ("0.125Gi", (128 - 40) * 2**20 // 192),
    ("100M", (100_000_000 - 40 * 2**20) // 192),
    (134217728, (128 - 40) * 2**20 // 192),
    ("129e6", None),
    (None, None),
]


def render(values, name="tcpwarden"):
    """Returns the objects."""
    with helm_python.Chart.load(str(CHART)) as chart:
        chart.validate_schema(values)
        files = chart.render(values, name=name, namespace="tcpwarden")
    objects = []
    for path, text in sorted(files.items()):
        if path.endswith(".yaml"):
            objects += [one for one in yaml.safe_load_all(text) if one]
    return objects


def agent(objects):
    """Returns the DaemonSet's pod and container."""
    (found,) = [one for one in objects if one["kind"] == "DaemonSet"]
    pod = found["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    return found, pod, container


def option(container, name):
    """Returns the value of an option, if it is given."""
    values = [arg.partition("=")[2] for arg in container["args"] if arg.split("=")[0] == name]
    assert len(values) < 2, f"{name} twice"
    return values[0] if values else None


def common(objects):
    """What holds whatever the values are."""
    names = [(one["kind"], one["metadata"]["name"]) for one in objects]
    assert len(names) == len(set(names)), f"a name twice: {names}"
    for one in objects:
        assert one["metadata"]["namespace"] == "tcpwarden", one["metadata"]
        assert len(one["metadata"]["name"]) <= 63, one["metadata"]
        assert one["kind"] not in ("Role", "RoleBinding", "ClusterRole", "ClusterRoleBinding")
        for version in VERSIONS if one["apiVersion"] != OPERATOR else []:
            kubernetes_validate.validate(one, version, strict=True)
    found, pod, container = agent(objects)
    labels = found["spec"]["template"]["metadata"]["labels"]
    assert found["spec"]["selector"]["matchLabels"].items() <= labels.items()
    assert pod["hostPID"] and not pod["automountServiceAccountToken"]
    security = container["securityContext"]
    assert security["capabilities"]["drop"] == ["ALL"]
    assert security["capabilities"]["add"][:4] == TRIED
    assert security["readOnlyRootFilesystem"] and security["runAsUser"] == 0
    assert not security["allowPrivilegeEscalation"] and not security["privileged"]
    mounts = {one["mountPath"]: one for one in container["volumeMounts"]}
    assert mounts["/sys/fs/cgroup"]["readOnly"]
    written = [path for path, one in mounts.items() if not one.get("readOnly")]
    assert written == ["/run/tcpwarden"], written
    assert {one["name"] for one in container["volumeMounts"]} == {
        one["name"] for one in pod["volumes"]
    }


def defaults(objects):
    assert [one["kind"] for one in objects] == ["DaemonSet", "Service", "ServiceAccount"]
    _, pod, container = agent(objects)
    assert container["securityContext"]["capabilities"]["add"] == TRIED
    assert pod["hostNetwork"] and pod["tolerations"] == [{"operator": "Exists"}]
    assert container["args"] == ["run", "--listen=$(POD_IP):10793", "--max-connections=1000000"]
    assert container["livenessProbe"]["httpGet"] == {"path": "/healthz", "port": "metrics"}
    assert container["readinessProbe"]["httpGet"] == {"path": "/readyz", "port": "metrics"}
    assert container["image"] == "tcpwarden:0.1.0"


def everything(objects):
    kinds = {one["kind"] for one in objects}
    assert {"ConfigMap", "NetworkPolicy", "PodMonitor", "PrometheusRule"} <= kinds, kinds
    found, _, container = agent(objects)
    assert container["securityContext"]["capabilities"]["add"][4:6] == ["NET_ADMIN", "SYS_RESOURCE"]
    assert "tcpSocket" in container["livenessProbe"] and "httpGet" not in container["livenessProbe"]
    assert option(container, "--max-connections") == "200000"
    config = next(one for one in objects if "tcpwarden.toml" in one.get("data", {}))
    text = config["data"]["tcpwarden.toml"]
    checksum = found["spec"]["template"]["metadata"]["annotations"]["checksum/config"]
    assert checksum == hashlib.sha256(text.encode()).hexdigest()
    assert "[[expected]]\nprocess" in text
    boards = {}
    for one in objects:
        if one["metadata"]["labels"].get("grafana_dashboard"):
            boards.update(one["data"])
    for path in (ROOT / "dashboards/grafana").glob("*.json"):
        assert json.loads(boards.pop(path.name)) == json.loads(path.read_text()), path
    assert not boards
    rules = [one for one in objects if one["kind"] == "PrometheusRule"]
    groups = [group for one in rules for group in one["spec"]["groups"]]
    source = []
    for path in sorted((ROOT / "dashboards/prometheus").glob("*.yml")):
        source += yaml.safe_load(path.read_text())["groups"]
    for rule in (rule for group in source for rule in group["rules"] if "alert" in rule):
        url = rule["annotations"]["runbook_url"]
        url = url.replace("docs/runbooks/", "https://runbooks.example.com/tcpwarden/")
        rule["annotations"]["runbook_url"] = url
    assert groups == source


def web_config(objects):
    _, _, container = agent(objects)
    assert container["livenessProbe"]["httpGet"]["scheme"] == "HTTPS"
    assert option(container, "--web-config-file") == "/etc/tcpwarden/web/web.yml"
    (monitor,) = [one for one in objects if one["kind"] == "ServiceMonitor"]
    (endpoint,) = monitor["spec"]["endpoints"]
    assert endpoint["scheme"] == "https" and endpoint["tlsConfig"]["serverName"] == "tcpwarden"
    assert endpoint["relabelings"][0] == {"targetLabel": "job", "replacement": "tcpwarden"}
    (service,) = [one for one in objects if one["kind"] == "Service"]
    selector = monitor["spec"]["selector"]["matchLabels"]
    assert selector.items() <= service["metadata"]["labels"].items()


def host_network(objects):
    _, pod, container = agent(objects)
    assert pod["hostNetwork"] and option(container, "--listen") == "127.0.0.1:10793"
    assert container["readinessProbe"]["httpGet"]["host"] == "127.0.0.1"
    assert container["securityContext"]["capabilities"]["add"] == [*TRIED, "NET_ADMIN"]


def pod_network(objects):
    _, pod, container = agent(objects)
    assert not pod["hostNetwork"] and "--expose-connections" in container["args"]
    assert option(container, "--max-connections") == str((96 - 40) * 2**20 // 192)
    (policy,) = [one for one in objects if one["kind"] == "NetworkPolicy"]
    assert policy["spec"]["policyTypes"] == ["Ingress", "Egress"]
    assert len(policy["spec"]["ingress"]) == 1 and "egress" not in policy["spec"]


def socket_file(objects):
    assert [one["kind"] for one in objects] == ["DaemonSet", "ServiceAccount"]
    _, _, container = agent(objects)
    assert not {"ports", "livenessProbe", "readinessProbe"} & container.keys()
    addresses = [one["value"] for one in container["env"] if one["name"] == "TCPWARDEN_AGENT"]
    assert addresses == [option(container, "--listen")], addresses


OF_FILES = {
    "defaults": defaults,
    "everything": everything,
    "web-config": web_config,
    "host-network": host_network,
    "pod-network": pod_network,
    "socket-file": socket_file,
}


def check_files():
    said = helm_python.lint(str(CHART))
    assert not said["errors"], said
    found = {path.name.removesuffix("-values.yaml"): path for path in CHART.glob("ci/*")}
    assert found.keys() == OF_FILES.keys(), found.keys() ^ OF_FILES.keys()
    for name, path in found.items():
        objects = render(yaml.safe_load(path.read_text()))
        common(objects)
        OF_FILES[name](objects)
        print(f"{path.name}: {len(objects)} objects")


def check_refusals():
    for values, word in REFUSED:
        try:
            render(values)
        except helm_python.HelmError as error:
            assert word in str(error), f"{values}: {error}"
        else:
            raise AssertionError(f"not refused: {values}")
    print(f"{len(REFUSED)} wrong values, each refused")


def check_rows():
    for memory, rows in ROWS:
        _, _, container = agent(render({"resources": {"limits": {"memory": memory}}}))
        assert option(container, "--max-connections") == (rows and str(rows)), (memory, container)
    for values in (
        {"config": "max-connections = 5"},
        {"extraEnv": [{"name": "TCPWARDEN_MAX_CONNECTIONS", "value": "5"}]},
    ):
        assert option(agent(render(values))[2], "--max-connections") is None, values
    given = agent(render({"extraArgs": ["--max-connections=5"]}))[2]
    assert option(given, "--max-connections") == "5"
    print("rows follow from the limit of memory")


def check_readme():
    text = readme.VALUES.read_text(encoding="utf-8")
    assert readme.read(text)[0] == yaml.safe_load(text), "readme.py reads values.yaml wrongly"
    assert readme.main(["--check"]) == 0, "the table of README.md is not that of values.yaml"


if __name__ == "__main__":
    if len(sys.argv) > 1:
        sys.exit(__doc__)
    for check in (check_readme, check_files, check_refusals, check_rows):
        check()
