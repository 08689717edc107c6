"""Values that the chart refuses."""

FILE = {"listen": {"address": "unix:/run/tcpwarden/tcpwarden.sock"}}
LOOPBACK = {"listen": {"address": "127.0.0.1"}}
CERTIFICATE = {"podMonitor": {"tlsConfig": {"cert": {"secret": {"name": "a", "key": "b"}}}}}


def rolling(unavailable, surge):
    """Returns values for how pods are replaced."""
    shares = {"maxUnavailable": unavailable, "maxSurge": surge}
    return {"updateStrategy": {"rollingUpdate": shares}}


def authentication(enabled, **more):
    """Returns values for a web configuration that asks clients, and a way in which they come."""
    web = {"secrets": ["web"], "authentication": True, **more}
    return {"webConfig": web, enabled: {"enabled": True}}


# Each with a word of the message.
REFUSED = [
    ({"hostNetwrok": True}, "hostNetwrok"),
    ({"image": {"tags": "1"}}, "tags"),
    ({"listen": {"address": "localhost"}}, "address"),
    ({"listen": {"address": "unix:/tmp/x.sock"}}, "address"),
    ({"listen": {"port": 443}}, "port"),
    ({"socket": "/tmp/x.sock"}, "socket"),
    ({"socket": ""}, "socket"),
    ({"workloadLabel": "pod"}, "workloadLabel"),
    ({"capabilities": {"extra": ["CAP_SETPCAP"]}}, "extra"),
    ({"extraArgs": ["-x"]}, "extraArgs"),
    ({"extraArgs": ["--workload-label=id"]}, "workloadLabel"),
    ({"appArmorProfile": {"type": "Localhost"}}, "localhostProfile"),
    ({"livenessProbe": {"httpGet": {}}}, "httpGet"),
    ({"podMonitor": {"enabled": True}, "serviceMonitor": {"enabled": True}}, "twice"),
    ({"podMonitor": {"enabled": True}, "scrapeAnnotations": {"enabled": True}}, "twice"),
    ({"networkPolicy": {"enabled": True}}, "hostNetwork"),
    ({"podMonitor": {"enabled": True}, **LOOPBACK}, "loopback"),
    ({"hostNetwork": False, **LOOPBACK}, "loopback"),
    ({"podMonitor": {"enabled": True}, **FILE}, "socket"),
    ({"scrapeAnnotations": {"enabled": True}, **FILE}, "socket"),
    ({"webConfig": {"secrets": ["a"]}, **FILE}, "socket"),
    ({"serviceMonitor": {"enabled": True}, "service": {"enabled": False}}, "service.enabled"),
    ({"nameOverride": "1.0"}, "nameOverride"),
    ({"nameOverride": "my app"}, "nameOverride"),
    ({"fullnameOverride": "-a"}, "fullnameOverride"),
    ({"webConfig": {"secrets": ["my web"]}}, "secrets"),
    ({"serviceAccount": {"name": "an account"}}, "name"),
    ({"priorityClassName": "High"}, "priorityClassName"),
    ({"imagePullSecrets": [{"name": "a/b"}]}, "imagePullSecrets"),
    ({"extraArgs": ["--listen"]}, "--listen=ADDRESS:PORT"),
    ({"extraArgs": ["--listen="]}, "--listen=ADDRESS:PORT"),
    ({"extraEnv": [{"name": "POD_IP", "value": "a"}]}, "POD_IP"),
    ({"extraEnv": [{"name": "TCPWARDEN_AGENT", "value": "a"}]}, "TCPWARDEN_AGENT"),
    # A Prometheus that the agent would refuse.
    (authentication("podMonitor"), "podMonitor.basicAuth"),
    (authentication("serviceMonitor"), "podMonitor.basicAuth"),
    (authentication("scrapeAnnotations"), "scrapeAnnotations"),
    (CERTIFICATE | authentication("serviceMonitor", tls=False), "podMonitor.basicAuth"),
    # What the API server refuses.
    ({"fullnameOverride": "1st"}, "service.enabled"),
    ({"fullnameOverride": "2024"}, "service.enabled"),
    ({"readinessProbe": {"terminationGracePeriodSeconds": 5}}, "terminationGracePeriodSeconds"),
    ({"livenessProbe": {"successThreshold": 2}}, "successThreshold"),
    ({"seccompProfile": {"localhostProfile": "a"}}, "localhostProfile"),
    ({"appArmorProfile": {"localhostProfile": "a"}}, "localhostProfile"),
    ({"updateStrategy": {"rollingUpdate": {"maxSurge": 1}}}, "set maxUnavailable to 0"),
    (rolling(None, "10%"), "set maxUnavailable to 0"),
    (rolling("1%", "10%"), "set maxUnavailable to 0"),
    (rolling(0, "0%"), "replaces no pod"),
    (rolling("110%", 0), "maxUnavailable"),
    (rolling("1", 0), "maxUnavailable"),
    # A surge in the node's network.
    (rolling(0, 1), "hostNetwork"),
    # Labels and annotations of the chart itself.
    ({"labels": {"app.kubernetes.io/name": "a"}}, "app.kubernetes.io/name"),
    ({"labels": {"helm.sh/chart": "a"}}, "helm.sh/chart"),
    ({"podLabels": {"app.kubernetes.io/instance": "a"}}, "app.kubernetes.io/instance"),
    ({"podMonitor": {"labels": {"app.kubernetes.io/name": "a"}}}, "app.kubernetes.io/name"),
    ({"podAnnotations": {"checksum/config": "a"}}, "checksum/config"),
    (
        {
            "scrapeAnnotations": {"enabled": True},
            "podAnnotations": {"prometheus.io/port": "1"},
        },
        "prometheus.io/port",
    ),
]

# What may be neither null nor missing. Helm takes a key off whose value is null, and with
# the values of an older release those that came later are missing.
NEEDED = {
    "image",
    "image.repository",
    "image.pullPolicy",
    "hostPID",
    "hostNetwork",
    "listen",
    "listen.address",
    "listen.port",
    "socket",
    "exposeConnections",
    "workloadLabel",
    "webConfig",
    "webConfig.file",
    "webConfig.tls",
    "webConfig.authentication",
    "capabilities",
    "seccompProfile.type",
    "appArmorProfile.type",
    "terminationGracePeriodSeconds",
    "serviceAccount",
    "serviceAccount.create",
    "service",
    "service.enabled",
    "scrapeAnnotations",
    "scrapeAnnotations.enabled",
    "podMonitor",
    "podMonitor.enabled",
    "serviceMonitor",
    "serviceMonitor.enabled",
    "prometheusRule",
    "prometheusRule.enabled",
    "dashboards",
    "dashboards.enabled",
    "networkPolicy",
    "networkPolicy.enabled",
    "networkPolicy.from",
}
