"""Messages of the Kubernetes CRI, as a kubelet sends them to a container runtime.

    cri.py sandbox               RunPodSandboxRequest
    cri.py container SANDBOX     CreateContainerRequest
    cri.py start CONTAINER       StartContainerRequest
    cri.py id                    the id in an answer

A message is written to standard output in the frame of gRPC, an answer is read from standard input.
The numbers of the fields are those of `runtime.v1` (k8s.io/cri-api, api.proto). Only the modules of
Debian's python3-minimal are used.
"""

import sys

UID = "1b4e28ba-2fa1-11d2-883f-0016d3cca427"
SLICE = "kubepods-besteffort-pod%s.slice" % UID.replace("-", "_")
PARENT = "/kubepods.slice/kubepods-besteffort.slice/" + SLICE
IMAGE = "localhost/orders-api:1.4"
# NamespaceMode: of the container alone, and of the node.
CONTAINER, NODE = 1, 2
# Where the id begins in an answer: five bytes of the frame, its field, its length.
ID = 7


def number(value):
    """Returns an integer as protobuf writes it."""
    low = bytes()
    while value > 0x7F:
        low += bytes([value & 0x7F | 0x80])
        value >>= 7
    return low + bytes([value])


def message(*fields):
    """Returns fields, each as (number, value), one behind the other."""
    text = bytes()
    for field, value in fields:
        if isinstance(value, int):
            text += number(field << 3) + number(value)
        else:
            value = value.encode() if isinstance(value, str) else value
            text += number(field << 3 | 2) + number(len(value)) + value
    return text


# The pod shares the node's network, so that no plug-in for networks is needed.
NAMESPACES = message((1, NODE), (2, CONTAINER))


def sandbox():
    """Returns a PodSandboxConfig."""
    metadata = message((1, "orders-api-64df67bd8b-xmzhv"), (2, UID), (3, "shop"))
    return message((1, metadata), (8, message((1, PARENT), (2, message((1, NAMESPACES))))))


def mount(path):
    """Returns a Mount of a folder of the node at the same place, to read."""
    return (7, message((1, path), (2, path), (3, 1)))


def container():
    """Returns a ContainerConfig."""
    resources = message((3, 2), (5, 1000))
    return message(
        (1, message((1, "app"))),
        (2, message((1, IMAGE))),
        (3, "/usr/bin/python3"),
        (4, "/payload/leak.py"),
        mount("/usr"),
        mount("/payload"),
        (15, message((1, resources), (2, message((3, NAMESPACES))))),
    )


def request(verb, words):
    """Returns the message of a verb."""
    if verb == "sandbox":
        return message((1, sandbox()))
    if verb == "container":
        return message((1, words[0]), (2, container()), (3, sandbox()))
    return message((1, words[0]))


def main(verb, words):
    """Writes a message, or the id of an answer."""
    if verb == "id":
        answer = sys.stdin.buffer.read()
        print(answer[ID:ID + answer[ID - 1]].decode())
        return
    text = request(verb, words)
    sys.stdout.buffer.write(bytes(1) + len(text).to_bytes(4, "big") + text)


main(sys.argv[1], sys.argv[2:])
