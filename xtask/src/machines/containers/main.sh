# The names of containers, with the podman and the containerd of the machine's own Debian. Servers
# in containers leak; an agent on the machine and one in a container of its own name them. No
# registry is asked: the images hold links into /usr, which is mounted from the machine.
subject=containers
. ./claims.sh
chmod +x tcpwarden
root=/opt/root
image=localhost/orders-api:1.4
# Where the agents listen.
machine=127.0.0.1:10793
container=127.0.0.1:10794
# The bundle of ctr: the id of its container, and its pod.
id=$(echo tcpwarden | sha256sum | cut -c -64)
uid=0f0b3f4e-91f4-4b55-8f0b-7c0f1f6f6a3d
slice=kubepods-besteffort-pod$(echo $uid | tr - _).slice

evidence() {
    tail -5 /tmp/agent.log
    podman logs --tail 5 agent
    journalctl --no-pager --quiet --unit containerd | tail -5
}

answers() { ./tcpwarden leaks --agent "$1"; }
ready() { "$@" | grep -qx ready; }
# What an agent tells: the sentence about a leaker, and the line of a workload with all of these.
accuses() { ./tcpwarden leaks --agent "$1" | grep close_wait | grep -F " in $2 "; }
tells() {
    curl --silent --fail "http://$1/metrics" | grep '^tcpwarden_workload_info{' >/tmp/lines
    shift
    for label; do
        grep -F "$label" /tmp/lines >/tmp/left || return 1
        mv /tmp/left /tmp/lines
    done
}
# Both agents accuse a workload, and have a line about it with these labels.
both() {
    about=$1 workload=$2
    shift 2
    for agent in machine container; do
        eval "address=\$$agent"
        claim "the_agent_of_the_${agent}_names_$about" within 90 accuses "$address" "$workload"
        claim "the_agent_of_the_${agent}_has_the_long_names_of_$about" \
            within 30 tells "$address" "workload=\"$workload\"" "$@"
    done
}

# An image with a root of links; the other one is that of a pod's first process.
images() {
    for folder in usr payload tmp proc sys dev etc run; do mkdir -p "$root/$folder"; done
    for folder in bin lib lib64 sbin; do ln -s "usr/$folder" "$root/$folder"; done
    echo root:x:0:0:root:/:/bin/sh >"$root/etc/passwd"
    echo root:x:0: >"$root/etc/group"
    mkdir -p /opt/pause
    cp "$(command -v busybox)" /opt/pause/busybox
    tar -C "$root" -c . | podman import - "$image" &&
        tar -C /opt/pause -c . |
        podman import --change 'ENTRYPOINT ["/busybox", "sleep", "86400"]' - localhost/pause:1
}

agents() {
    ./tcpwarden run --listen "$machine" --socket none --workload-label name \
        --reconcile-interval 2 --young-age 0 >/tmp/agent.log 2>&1 &
    claim the_image_is_taken sh -c 'podman pull --quiet oci-archive:image.tar >/tmp/image'
    # As the chart has it: xtask/src/machines/plays.rs compares. Its AppArmor profile is Unconfined,
    # its seccomp profile that of the runtime, and nothing but the socket's folder can be written.
    claim the_agent_starts_in_a_container podman run --detach --name agent \
        --pid=host --network=host --user=0:0 --memory=256m \
        --cap-drop=ALL --cap-add=BPF,PERFMON,SYS_ADMIN,SYS_PTRACE \
        --security-opt=no-new-privileges --security-opt=apparmor=unconfined \
        --read-only --read-only-tmpfs=false \
        --volume=/sys/fs/cgroup:/sys/fs/cgroup:ro \
        --mount=type=tmpfs,destination=/run/tcpwarden,tmpfs-size=1m \
        --env="TCPWARDEN_AGENT=unix:/run/tcpwarden/tcpwarden.sock" \
        "$(cat /tmp/image)" run "--listen=$container" --workload-label=name --reconcile-interval=2 \
        --young-age=0
    claim the_agent_of_the_container_answers within 60 answers "$container"
    claim the_agent_of_the_machine_answers within 60 answers "$machine"
    claim check_in_the_container_misses_nothing podman exec agent /usr/bin/tcpwarden check
}

of_podman() {
    # In a network namespace of its own.
    claim podman_starts_a_server podman run --detach --name orders-api --network=none \
        --volume=/usr:/usr:ro --volume=/payload:/payload:ro \
        "$image" /usr/bin/python3 /payload/leak.py || return
    claim the_server_of_podman_leaks within 60 ready podman logs orders-api
    both a_container_of_podman orders-api 'container="orders-api"' "image=\"$image\"" \
        'runtime="podman"' 'kind="container"'
    claim commands_in_the_container_ask_its_agent \
        sh -c 'podman exec agent /usr/bin/tcpwarden leaks | grep -F " in orders-api "'
}

# The settings of a node with kubeadm, and no plug-in for networks.
settings() {
    mkdir -p /etc/containerd
    cat >/etc/containerd/config.toml <<'END'
version = 2
[plugins."io.containerd.grpc.v1.cri"]
sandbox_image = "localhost/pause:1"
[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
runtime_type = "io.containerd.runc.v2"
[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
SystemdCgroup = true
END
    [ -e /etc/hosts ] || echo '127.0.0.1 localhost' >/etc/hosts
    [ -e /etc/resolv.conf ] || : >/etc/resolv.conf
    systemctl restart containerd && within 60 ctr version
}
take_images() {
    for name in "$image" localhost/pause:1; do
        rm -f /tmp/image.tar
        podman save --format docker-archive --output /tmp/image.tar "$name" &&
            ctr --namespace k8s.io images import /tmp/image.tar || return 1
    done
}
# A container of ctr: its namespace and its id, then more of its options.
of_ctr() {
    space=$1 name=$2
    shift 2
    ctr --namespace "$space" run --detach --net-host --rootfs "$@" \
        --mount type=bind,src=/usr,dst=/usr,options=rbind:ro \
        --mount type=bind,src=/payload,dst=/payload,options=rbind:ro \
        "$root" "$name" /usr/bin/python3 /payload/leak.py
}

of_containerd() {
    claim containerd_starts settings && claim containerd_takes_the_images take_images || return
    # Where nerdctl notes the name.
    claim ctr_starts_a_server of_ctr default "$id" --annotation nerdctl/name=stock-api || return
    both a_container_of_containerd stock-api 'container="stock-api"' "container_id=\"$id\""
    # As the CRI plug-in makes a bundle.
    other=$(echo bundle | sha256sum | cut -c -64)
    claim ctr_starts_a_pod of_ctr k8s.io "$other" --runc-systemd-cgroup \
        --cgroup "$slice:cri-containerd:$other" \
        --annotation io.kubernetes.cri.container-type=container \
        --annotation io.kubernetes.cri.container-name=app \
        --annotation io.kubernetes.cri.image-name="$image" \
        --annotation io.kubernetes.cri.sandbox-id="$id" \
        --annotation io.kubernetes.cri.sandbox-name=orders-api-7f9c6b5d4-k2x8p \
        --annotation io.kubernetes.cri.sandbox-namespace=depot \
        --annotation io.kubernetes.cri.sandbox-uid="$uid" || return
    both a_bundle_of_the_cri depot/orders-api/app 'namespace="depot"' 'container="app"' \
        'pod="orders-api-7f9c6b5d4-k2x8p"' "pod_uid=\"$uid\"" "image=\"$image\"" \
        "/$slice/cri-containerd-$other.scope\"" 'runtime="containerd"' 'kind="pod"'
}

# A question to the CRI plug-in, over HTTP/2 as every client of gRPC; its answer is in /tmp/answer.
cri() {
    method=$1
    shift
    rm -f /tmp/answer
    python3 cri.py "$@" >/tmp/question
    curl --silent --show-error --http2-prior-knowledge --max-time 120 \
        --unix-socket /run/containerd/containerd.sock \
        --header 'Content-Type: application/grpc' --header 'TE: trailers' \
        --data-binary @/tmp/question --output /tmp/answer --dump-header - \
        "http://localhost/runtime.v1.RuntimeService/$method"
    # An error has headers only.
    [ -s /tmp/answer ]
}
a_pod() {
    cri RunPodSandbox sandbox && pod=$(python3 cri.py id </tmp/answer) &&
        cri CreateContainer container "$pod" && app=$(python3 cri.py id </tmp/answer) &&
        cri StartContainer start "$app"
}

of_the_cri() {
    claim the_cri_starts_a_pod a_pod || return
    both a_pod_of_the_cri shop/orders-api/app 'namespace="shop"' 'container="app"' \
        'pod="orders-api-64df67bd8b-xmzhv"' 'pod_uid="1b4e28ba-2fa1-11d2-883f-0016d3cca427"' \
        "image=\"$image\"" "container_id=\"$app\"" \
        "/cri-containerd-$app.scope\"" 'runtime="containerd"' 'kind="pod"'
}

ends() {
    claim the_agent_of_the_container_stops podman stop --time 10 agent
    claim it_ended_by_itself sh -c '[ "$(podman inspect -f "{{.State.ExitCode}}" agent)" = 0 ]'
}

podman --version
containerd --version
claim the_images_are_made images
agents
of_podman
of_containerd
of_the_cri
ends
count_claims
