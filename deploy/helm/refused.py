"""Values that the chart refuses."""

FILE = {"listen": {"address": "unix:/run/tcpwarden/tcpwarden.sock"}}
LOOPBACK = {"listen": {"address": "127.0.0.1"}}

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
]
