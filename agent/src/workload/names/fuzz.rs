//! What holds for any bytes in place of the files of a container runtime.

use super::{MAX_IMAGE, MAX_NAME, Names, containerd, crio, docker, is_id, kubelet, podman, stem};
use crate::workload::{HOST, MAX_NAME as MAX_LABEL, UNKNOWN};

/// Whatever is in a file, each name that comes out of it is bounded and has only letters that such
/// a name can have, and so has the label. The bytes are tried as the file of every runtime.
pub(crate) fn names(data: &[u8]) {
    let files = [containerd::parse(data), crio::parse(data), docker::parse(data)];
    files.iter().flatten().for_each(is_fit);
    for (id, names) in podman::parse(data) {
        assert!(is_id(&id), "{id:?}");
        is_fit(&names);
    }
    for line in String::from_utf8_lossy(data).lines() {
        if let Some((id, names)) = kubelet::parse(line) {
            assert!(is_id(id) && line.contains(&*names.pod), "{line:?}");
            is_fit(&names);
        }
        let stem = stem::stem(line);
        assert!(line.starts_with(stem) && stem.is_empty() == line.is_empty(), "{line:?}");
    }
}

fn is_fit(names: &Names) {
    assert!(names.texts().iter().any(|text| !text.is_empty()), "there is a name");
    let [namespace, pod, container, image, project, service] = names.texts();
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
    for name in [namespace, pod, container, project, service] {
        assert!(name.len() <= MAX_NAME && name.bytes().all(fits), "{name:?}");
    }
    assert!(image.len() <= MAX_IMAGE && !image.starts_with('~'), "{image:?}");
    assert!(!image.chars().any(char::is_control), "{image:?}");
    if let Some(label) = stem::label(names) {
        assert!((1..=MAX_LABEL).contains(&label.len()), "{label:?}");
        assert!(label.bytes().all(|byte| fits(byte) || byte == b'/'), "{label:?}");
        assert!(![HOST, UNKNOWN].contains(&label.as_str()), "{label:?}");
        assert!(label.contains('/') || label == container, "{label:?}");
    }
}
