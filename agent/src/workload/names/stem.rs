//! From the names of a container to the label `workload` that its successors have too.
//!
//! Pure functions of the names. Facts: Kubernetes makes the ends of names from 27 letters
//! (`rand.String` and `rand.SafeEncodeString`, 1.9 to 1.34): no vowel, no `y`, no `0`, `1` and `3`.
//! A pod's end has five of them; the hash of a Deployment's template nearly always has six to ten.
//! A name that would be longer than 63 letters is cut in front of its end (`SimpleNameGenerator`).
//! A Job of a CronJob ends in its time, in minutes, formerly in seconds. The ordinal of a
//! StatefulSet is a number.

use super::Names;
use crate::workload::path::workload_at;
use crate::workload::{HOST, Kind, MAX_NAME, UNKNOWN};

/// The letters of ends that Kubernetes makes.
const LETTERS: &[u8] = b"bcdfghjklmnpqrstvwxz2456789";
/// How many letters the end of a pod's name has.
const END: usize = 5;
/// The longest name that Kubernetes makes itself.
const LONGEST: usize = 63;
/// How many letters the hash of a template has.
const HASH: std::ops::RangeInclusive<usize> = 6..=10;
/// How many digits the time of a CronJob has.
const TIME: std::ops::RangeInclusive<usize> = 8..=10;
/// The most digits of an ordinal.
const ORDINAL: usize = 5;
/// How many digits of an id are the label of a container without a name.
const SHORT_ID: usize = 12;

/// Returns the label for these names: `namespace/stem/container` in a pod, else the name of the
/// container. `None` if the names do not say so much, or if the label could be taken for another
/// one of the agent.
pub(super) fn label(names: &Names) -> Option<String> {
    let Names { namespace, pod, container, .. } = names;
    if !pod.is_empty() && !namespace.is_empty() {
        // Neither a namespace nor a container can have a name so long that nothing is left.
        let room = MAX_NAME.checked_sub(namespace.len() + container.len() + 2)?;
        let stem = stem(pod);
        let parts: [&str; 3] = [namespace, stem.get(..room).unwrap_or(stem), container];
        let parts: Vec<_> = parts.into_iter().filter(|part| !part.is_empty()).collect();
        return Some(parts.join("/"));
    }
    is_own(container).then(|| container.to_string())
}

/// Returns whether the name of a container cannot be taken for the label of anything else.
fn is_own(container: &str) -> bool {
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_hexdigit());
    let taken = [HOST, UNKNOWN].contains(&container)
        || (container.len() == SHORT_ID && digits(container))
        || container.strip_prefix("pod-").is_some_and(digits)
        || workload_at(&format!("/{container}")).kind != Kind::Host;
    (1..=MAX_NAME).contains(&container.len()) && !taken
}

/// Returns the name of a pod without what its controller has added to tell one from the others.
pub(super) fn stem(pod: &str) -> &str {
    let Some((base, cut)) = without_end(pod) else { return without_ordinal(pod).unwrap_or(pod) };
    // A cut may have left less of the hash.
    let fewest = if cut { 1 } else { *HASH.start() };
    let hash = |text: &str| (fewest..=*HASH.end()).contains(&text.len()) && is_made(text);
    let time = |text: &str| TIME.contains(&text.len()) && is_number(text);
    without(base, |last| hash(last) || time(last)).unwrap_or(base)
}

/// Returns the name without the end that tells pods of one controller apart, and whether the name
/// was cut to make room for it.
fn without_end(pod: &str) -> Option<(&str, bool)> {
    let (base, end) = pod.split_at_checked(pod.len().checked_sub(END)?)?;
    let whole = base.strip_suffix('-').filter(|base| !base.is_empty()).map(|base| (base, false));
    let cut = || (pod.len() == LONGEST).then_some((base, true));
    if is_made(end) { whole.or_else(cut) } else { None }
}

fn without_ordinal(pod: &str) -> Option<&str> {
    without(pod, |last| last.len() <= ORDINAL && is_number(last))
}

/// Returns the name without its last word, if that is of this kind and not all of the name.
fn without(name: &str, is: impl Fn(&str) -> bool) -> Option<&str> {
    let (base, last) = name.rsplit_once('-')?;
    (!base.is_empty() && is(last)).then_some(base)
}

/// Returns whether all letters are some that Kubernetes makes ends of.
fn is_made(text: &str) -> bool {
    text.bytes().all(|byte| LETTERS.contains(&byte))
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{any, proptest};

    use super::*;

    #[test]
    fn pods_of_every_controller_have_its_stem() {
        for (pod, wanted) in [
            // Deployments and other owners of ReplicaSets.
            ("web-64df67bd8b-xmzhv", "web"),
            ("web-7d9c5b9f4-2v8kq", "web"),
            ("coredns-5d78c9869d-zl2mn", "coredns"),
            ("orders-api-v2-6c8b9d7f65-x2x9w", "orders-api-v2"),
            ("nginx-deployment-1564180365-zkkm8", "nginx-deployment"),
            ("a-bcdfgh-24567", "a"),
            // ReplicaSets alone, DaemonSets, Jobs.
            ("kube-proxy-x7k2q", "kube-proxy"),
            ("node-exporter-4wvzc", "node-exporter"),
            ("aws-node-zz9tl", "aws-node"),
            ("migrate-b5gxw", "migrate"),
            // CronJobs.
            ("backup-28391040-x7k2q", "backup"),
            ("backup-1700000000-x7k2q", "backup"),
            // StatefulSets.
            ("db-0", "db"),
            ("kafka-broker-12", "kafka-broker"),
            ("shard-2-0", "shard-2"),
            // No controller, or one that adds nothing.
            ("debug", "debug"),
            ("etcd-control-plane", "etcd-control-plane"),
            ("kube-apiserver-node1", "kube-apiserver-node1"),
            ("my-database-proxy", "my-database-proxy"),
            ("web-canary-stable", "web-canary-stable"),
            ("tool-123456", "tool-123456"),
        ] {
            assert_eq!(stem(pod), wanted, "{pod}");
        }
    }

    #[test]
    fn a_rollout_keeps_the_stem() {
        let rollouts = ["web-64df67bd8b-xmzhv", "web-84b5b8c5d9-vk4pz", "web-b8cd6c54d-7bq5m"];
        assert!(rollouts.iter().all(|pod| stem(pod) == "web"));
    }

    #[test]
    fn a_name_that_was_cut_for_its_end_has_its_stem_too() {
        let long = "a-deployment-with-a-name-that-takes-nearly-all-letters";
        for hash in ["-64d", "-64df", "-b"] {
            let whole = format!("{long}{hash}67bd8b-");
            let pod = format!("{whole:.58}xmzhv");
            assert_eq!((pod.len(), stem(&pod)), (LONGEST, long), "{pod}");
        }
        let pod = format!("{long}-64d-xmzhv");
        assert_eq!(stem(&pod), format!("{long}-64d"), "a whole name has a whole hash");
    }

    #[test]
    fn what_is_left_is_never_nothing() {
        for pod in ["", "-", "-xmzhv", "xmzhv", "-0", "0", "--", "-64df67bd8b-xmzhv", "ééé"] {
            assert_eq!(stem(pod).is_empty(), pod.is_empty(), "{pod}");
        }
    }

    fn of(namespace: &str, pod: &str, container: &str) -> Option<String> {
        let [namespace, pod, container] = [namespace, pod, container].map(Into::into);
        label(&Names { namespace, pod, container, ..Names::default() })
    }

    #[test]
    fn a_label_names_namespace_stem_and_container_or_the_container_alone() {
        let web = of("shop", "web-64df67bd8b-xmzhv", "nginx");
        assert_eq!(web.as_deref(), Some("shop/web/nginx"));
        assert_eq!(of("shop", "db-0", "").as_deref(), Some("shop/db"));
        assert_eq!(of("", "", "shop-web-1").as_deref(), Some("shop-web-1"));
        assert_eq!(of("", "db-0", "server").as_deref(), Some("server"), "no namespace, no pod");
        assert_eq!(of("shop", "", ""), None);
    }

    #[test]
    fn the_name_of_a_container_that_is_a_label_of_something_else_is_none() {
        let id = "3f2a9c0d1e4b5a69788796a5b4c3d2e1f00123456789abcdef0123456789abcd";
        for name in
            ["host", "unknown", "a.service", "a.slice", "a.scope", &id[..12], id, "pod-1b4e28ba"]
        {
            assert_eq!(of("", "", name), None, "{name}");
        }
    }

    #[test]
    fn a_long_label_keeps_namespace_and_container() {
        let label = of(&"n".repeat(63), &"p".repeat(253), "server").unwrap();
        assert_eq!(label.len(), MAX_NAME);
        assert!(label.starts_with(&"n".repeat(63)) && label.ends_with("p/server"), "{label}");
        assert_eq!(of(&"n".repeat(121), "web-0", "server"), None, "no namespace is so long");
        assert_eq!(of("", "", &"c".repeat(129)), None);
    }

    proptest! {
        #[test]
        fn a_stem_is_the_front_of_its_pod(pod in any::<String>(), inner in "[-a-z0-9]{0,70}") {
            for pod in [pod, inner] {
                let stem = stem(&pod);
                assert!(pod.starts_with(stem) && stem.is_empty() == pod.is_empty());
            }
        }
    }
}
