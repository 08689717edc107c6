"""What the chart makes of each file of ci/."""

import hashlib
import json
from pathlib import Path

import yaml
from chart import CHART, NAMESPACE, ROOT, agent, environment, option

SOCKET = "/run/tcpwarden/tcpwarden.sock"
TRIED = ["BPF", "PERFMON", "SYS_ADMIN", "SYS_PTRACE"]


def common(objects, namespace=NAMESPACE):
    """What holds whatever the values are."""
    names = [(one["kind"], one["metadata"]["name"]) for one in objects]
    assert len(names) == len(set(names)), f"a name twice: {names}"
    for one in objects:
        assert one["metadata"]["namespace"] == namespace, one["metadata"]
        assert len(one["metadata"]["name"]) <= 63, one["metadata"]
        assert one["kind"] not in ("Role", "RoleBinding", "ClusterRole", "ClusterRoleBinding")
    found, pod, container = agent(objects)
    labels = found["spec"]["template"]["metadata"]["labels"]
    assert found["spec"]["selector"]["matchLabels"].items() <= labels.items()
    assert not pod["automountServiceAccountToken"]
    assert container["command"] == ["/usr/bin/tcpwarden"] and container["args"][0] == "run"
    assert not [one for one in container["args"] if one.endswith("=")], container["args"]
    security = container["securityContext"]
    assert security["capabilities"]["drop"] == ["ALL"]
    assert security["capabilities"]["add"][:4] == TRIED
    assert security["readOnlyRootFilesystem"] and security["runAsUser"] == 0
    assert not security["allowPrivilegeEscalation"] and not security["privileged"]
    mounts(pod, container)


def mounts(pod, container):
    """What the agent reads of the node, and the one folder that it writes."""
    found = {one["mountPath"]: one for one in container["volumeMounts"]}
    volumes = {one["name"]: one for one in pod["volumes"]}
    assert {one["name"] for one in found.values()} == volumes.keys()
    assert [path for path, one in found.items() if not one.get("readOnly")] == ["/run/tcpwarden"]
    assert volumes["run"]["emptyDir"] == {"medium": "Memory", "sizeLimit": "1Mi"}
    node = {path for path, one in found.items() if "hostPath" in volumes[one["name"]]}
    # Everything else is found in /proc, if that is the node's.
    others = set() if pod["hostPID"] else {"/var/log/containers", "/run/netns"}
    assert node == {"/sys/fs/cgroup"} | others, node
    for path in node:
        assert volumes[found[path]["name"]]["hostPath"]["path"] == path


def order(objects):
    """What `kubectl apply` makes first: the namespace, and the account before its pods."""
    kinds = [one["kind"] for one in objects]
    assert "Namespace" not in kinds[1:], kinds
    later = kinds[kinds.index("DaemonSet") :] if "DaemonSet" in kinds else []
    assert not {"ServiceAccount", "ConfigMap", "Secret", "Service"} & set(later), kinds


def defaults(objects):
    assert [one["kind"] for one in objects] == ["DaemonSet", "Service", "ServiceAccount"]
    found, pod, container = agent(objects)
    assert container["securityContext"]["capabilities"]["add"] == TRIED
    assert pod["hostNetwork"] and pod["hostPID"] and pod["tolerations"] == [{"operator": "Exists"}]
    options = ["--listen=$(POD_IP):10793", f"--socket={SOCKET}", "--workload-label=name"]
    assert container["args"] == ["run", *options], container["args"]
    assert environment(container) == {"TCPWARDEN_AGENT": f"unix:{SOCKET}"}
    assert container["livenessProbe"]["httpGet"] == {"path": "/healthz", "port": "metrics"}
    assert container["readinessProbe"]["httpGet"] == {"path": "/readyz", "port": "metrics"}
    version = yaml.safe_load((CHART / "Chart.yaml").read_text())["appVersion"]
    assert container["image"] == f"tcpwarden:{version}"
    assert "annotations" not in found["spec"]["template"]["metadata"]
    node = pod["affinity"]["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]
    (term,) = node["nodeSelectorTerms"]
    processors = {"key": "kubernetes.io/arch", "operator": "In", "values": ["amd64", "arm64"]}
    assert term == {"matchExpressions": [processors]}


def everything(objects):
    kinds = {one["kind"] for one in objects}
    assert {"ConfigMap", "NetworkPolicy", "PodMonitor", "PrometheusRule"} <= kinds, kinds
    found, _, container = agent(objects)
    assert container["securityContext"]["capabilities"]["add"][4:6] == ["NET_ADMIN", "SYS_RESOURCE"]
    assert "tcpSocket" in container["livenessProbe"] and "httpGet" not in container["livenessProbe"]
    assert option(container, "--max-connections") == "200000"
    assert option(container, "--workload-label") == "id"
    assert option(container, "--socket") == "/run/tcpwarden/own.sock"
    assert environment(container)["TCPWARDEN_AGENT"] == "unix:/run/tcpwarden/own.sock"
    config = next(one for one in objects if "tcpwarden.toml" in one.get("data", {}))
    text = config["data"]["tcpwarden.toml"]
    checksum = found["spec"]["template"]["metadata"]["annotations"]["checksum/config"]
    assert checksum == hashlib.sha256(text.encode()).hexdigest()
    assert "[[expected]]\nprocess" in text
    (monitor,) = [one for one in objects if one["kind"] == "PodMonitor"]
    (endpoint,) = monitor["spec"]["podMetricsEndpoints"]
    assert endpoint["honorLabels"] and endpoint["basicAuth"]["username"]["key"] == "username"
    boards_of(objects)
    rules_of(objects)


def boards_of(objects):
    boards = {}
    for one in objects:
        if one["metadata"]["labels"].get("grafana_dashboard"):
            boards.update(one["data"])
    for path in (ROOT / "dashboards/grafana").glob("*.json"):
        assert json.loads(boards.pop(path.name)) == json.loads(path.read_text()), path
    assert not boards


def rules_of(objects):
    rules = [one for one in objects if one["kind"] == "PrometheusRule"]
    groups = [group for one in rules for group in one["spec"]["groups"]]
    source = []
    for path in sorted((ROOT / "dashboards/prometheus").glob("*.yml")):
        source += yaml.safe_load(path.read_text())["groups"]
    for rule in (rule for group in source for rule in group["rules"] if "alert" in rule):
        assert rule["annotations"].pop("runbook")
        page = f"https://runbooks.example.com/tcpwarden/{rule['alert']}.md"
        rule["annotations"]["runbook_url"] = page
    assert groups == source


def web_config(objects):
    _, _, container = agent(objects)
    assert container["livenessProbe"]["httpGet"]["scheme"] == "HTTPS"
    assert option(container, "--web-config-file") == "/etc/tcpwarden/web/web.yml"
    # No password and no certificate is needed there.
    assert environment(container)["TCPWARDEN_AGENT"] == f"unix:{SOCKET}"
    (monitor,) = [one for one in objects if one["kind"] == "ServiceMonitor"]
    (endpoint,) = monitor["spec"]["endpoints"]
    assert endpoint["scheme"] == "https" and endpoint["tlsConfig"]["serverName"] == "tcpwarden"
    assert endpoint["relabelings"][0] == {"targetLabel": "job", "replacement": "tcpwarden"}
    assert endpoint["honorLabels"]
    (service,) = [one for one in objects if one["kind"] == "Service"]
    selector = monitor["spec"]["selector"]["matchLabels"]
    assert selector.items() <= service["metadata"]["labels"].items()


def host_network(objects):
    _, pod, container = agent(objects)
    assert pod["hostNetwork"] and option(container, "--listen") == "127.0.0.1:10793"
    assert container["readinessProbe"]["httpGet"]["host"] == "127.0.0.1"
    assert container["securityContext"]["capabilities"]["add"] == [*TRIED, "NET_ADMIN"]
    assert option(container, "--socket") == "none"
    assert environment(container)["TCPWARDEN_AGENT"] == "127.0.0.1:10793"


def pod_network(objects):
    _, pod, container = agent(objects)
    assert not pod["hostNetwork"] and "--expose-connections" in container["args"]
    # The agent finds the limit of its memory, and makes its table as large as fits.
    assert option(container, "--max-connections") is None
    (policy,) = [one for one in objects if one["kind"] == "NetworkPolicy"]
    assert policy["spec"]["policyTypes"] == ["Ingress", "Egress"]
    assert len(policy["spec"]["ingress"]) == 1 and "egress" not in policy["spec"]


def own_pids(objects):
    found, pod, container = agent(objects)
    assert not pod["hostPID"]
    (named,) = [one for one in container["volumeMounts"] if one["mountPath"] == "/run/netns"]
    assert named["mountPropagation"] == "HostToContainer"
    annotations = found["spec"]["template"]["metadata"]["annotations"]
    wanted = {"scrape": "true", "path": "/metrics", "port": "10793", "scheme": "http"}
    assert annotations == {f"prometheus.io/{key}": value for key, value in wanted.items()}


def socket_file(objects):
    assert [one["kind"] for one in objects] == ["DaemonSet", "ServiceAccount"]
    _, _, container = agent(objects)
    assert not {"ports", "livenessProbe", "readinessProbe"} & container.keys()
    assert option(container, "--listen") == f"unix:{SOCKET}"
    assert environment(container)["TCPWARDEN_AGENT"] == f"unix:{SOCKET}"


OF_FILES = {
    "defaults": defaults,
    "everything": everything,
    "web-config": web_config,
    "host-network": host_network,
    "pod-network": pod_network,
    "own-pids": own_pids,
    "socket-file": socket_file,
}


def same_labels(objects):
    assert {one["kind"] for one in objects} >= {"PodMonitor", "ConfigMap", "PrometheusRule"}
    for one in objects:
        labels = one["metadata"]["labels"]
        plain = one["kind"] in ("DaemonSet", "Service", "ServiceAccount")
        assert labels["team"] == ("all" if plain else one["kind"]), labels
    found, _, _ = agent(objects)
    assert found["spec"]["template"]["metadata"]["labels"]["team"] == "pods"


def numbers(objects):
    """What reads like a number is text nevertheless; the schemas look at the types."""
    found, pod, container = agent(objects)
    assert found["metadata"]["name"] == "2024" and pod["serviceAccountName"] == "1e3"
    assert found["spec"]["selector"]["matchLabels"]["app.kubernetes.io/name"] == "10"
    assert container["image"] == "12:30" and pod["priorityClassName"] == "7"
    assert container["securityContext"]["capabilities"]["add"][4:] == ["NULL"]
    (volume,) = [one for one in pod["volumes"] if one["name"] == "web"]
    assert volume["projected"]["sources"] == [{"secret": {"name": "123"}}]
    (monitor,) = [one for one in objects if one["kind"] == "PodMonitor"]
    assert monitor["spec"]["namespaceSelector"]["matchNames"] == ["2024"]


def config(text):
    """Returns what holds where `config` is this text: it arrives as it is."""

    def arrives(objects):
        (found,) = [one for one in objects if one["kind"] == "ConfigMap"]
        assert found["data"] == {"tcpwarden.toml": text}, found["data"]

    return {"config": text}, NAMESPACE, arrives


def surge(objects):
    found, pod, container = agent(objects)
    assert not pod["hostNetwork"] or "ports" not in container
    update = {"maxUnavailable": 0, "maxSurge": "10%"}
    assert found["spec"]["updateStrategy"]["rollingUpdate"] == update


def certificate(objects):
    (monitor,) = [one for one in objects if one["kind"] == "PodMonitor"]
    (endpoint,) = monitor["spec"]["podMetricsEndpoints"]
    assert "basicAuth" not in endpoint and endpoint["tlsConfig"]["keySecret"]["key"] == "tls.key"


SURGE = {"updateStrategy": {"rollingUpdate": {"maxUnavailable": 0, "maxSurge": "10%"}}}
# Values beside those files, the namespace of the release, and what holds of the objects then.
MORE = [
    (
        {
            "labels": {"team": "all"},
            "podLabels": {"team": "pods"},
            "podMonitor": {"enabled": True, "labels": {"team": "PodMonitor"}},
            "prometheusRule": {"enabled": True, "labels": {"team": "PrometheusRule"}},
            "dashboards": {"enabled": True, "labels": {"team": "ConfigMap"}},
        },
        NAMESPACE,
        same_labels,
    ),
    (
        {
            "nameOverride": "10",
            "fullnameOverride": "2024",
            "image": {"repository": "12", "tag": "30"},
            "config": "max-series = 400",
            "webConfig": {"secrets": ["123"]},
            "capabilities": {"extra": ["NULL"]},
            "priorityClassName": "7",
            "serviceAccount": {"name": "1e3"},
            "service": {"enabled": False},
            "podMonitor": {"enabled": True},
            "prometheusRule": {"enabled": True},
            "dashboards": {"enabled": True},
        },
        "2024",
        numbers,
    ),
    config('log = "info"\n'),
    config('  log = "info"\n[[expected]]\n  process = "a"\n'),
    config('\n\t# A tab.\n\n    log = "info"\n  log-format = "json"\n'),
    ({"hostNetwork": False, **SURGE}, NAMESPACE, surge),
    ({"listen": {"address": f"unix:{SOCKET}"}, **SURGE}, NAMESPACE, surge),
    (
        {
            "webConfig": {"secrets": ["web"], "authentication": True},
            "podMonitor": {
                "enabled": True,
                "tlsConfig": {
                    "cert": {"secret": {"name": "scrape", "key": "tls.crt"}},
                    "keySecret": {"name": "scrape", "key": "tls.key"},
                },
            },
        },
        NAMESPACE,
        certificate,
    ),
]
