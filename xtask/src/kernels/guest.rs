//! The content of a guest: busybox, `ip`, the agent, the live tests with their shared libraries,
//! and the script that runs them.
//!
//! The very programs that ran on the host run in the guest, if it has the same processor. The first
//! serial port is the console; the second, if there is one, carries the results, which end with the
//! line `verdict: STATUS` if the tests ran to their end.
use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, bail};

use super::fetch::Kernel;
use crate::arch::Arch;
use crate::process;

/// What the guest's first process does. The reboot ends QEMU (`-no-reboot`), so does a panic.
const INIT: &str = r#"#!/bin/busybox sh
/bin/busybox mkdir -p /proc /sys /dev /tmp /run /sbin /usr/bin /usr/sbin /etc
/bin/busybox mount -t proc proc /proc
/bin/busybox mount -t sysfs sysfs /sys
/bin/busybox mount -t devtmpfs dev /dev
/bin/busybox --install -s
export PATH=/usr/local/bin:/bin:/sbin:/usr/bin:/usr/sbin HOME=/tmp RUST_BACKTRACE=0
mount -t tracefs tracefs /sys/kernel/tracing
mount -t debugfs debugfs /sys/kernel/debug
mount -t bpf bpf /sys/fs/bpf
mount -t cgroup2 cgroup2 /sys/fs/cgroup
mount -t tmpfs tmpfs /tmp
ip link set lo up
for module in $(cat /modules/order); do insmod "/modules/$module"; done
exec >/dev/@PORT@ 2>&1
echo "kernel: $(uname -r)"
TCPWARDEN_BIN=/tcpwarden /live --test-threads=1 --color=never @TESTS@
echo "verdict: $?"
exec >/dev/console 2>&1
reboot -f
"#;

/// The programs that go into every guest.
pub(crate) struct Payload {
    /// The agent.
    pub(crate) agent: PathBuf,
    /// The live tests.
    pub(crate) tests: PathBuf,
    /// A busybox for the guest's processor.
    pub(crate) busybox: PathBuf,
    /// `ip` of iproute2: that of busybox knows no MPTCP. Static programs run without it.
    pub(crate) ip: Option<PathBuf>,
    /// The arguments of the tests.
    pub(crate) arguments: String,
}

/// Returns the script of a guest.
fn init(payload: &Payload, arch: Arch) -> String {
    let port = match arch {
        Arch::X86 => "ttyS1",
        Arch::Arm => "ttyAMA0",
    };
    INIT.replace("@PORT@", port).replace("@TESTS@", &payload.arguments)
}

/// Packs the payload and a kernel's modules into an initramfs.
pub(crate) fn initramfs(payload: &Payload, kernel: &Kernel) -> Result<PathBuf> {
    let home = &kernel.home;
    let root = home.join("root");
    if root.exists() {
        fs::remove_dir_all(&root).with_context(|| format!("remove {}", root.display()))?;
    }
    for directory in ["bin", "modules"] {
        fs::create_dir_all(root.join(directory))
            .with_context(|| format!("create {}", root.display()))?;
    }
    fs::write(root.join("init"), init(payload, kernel.arch)).context("write the guest's init")?;
    fs::set_permissions(root.join("init"), fs::Permissions::from_mode(0o755))
        .context("make the guest's init executable")?;
    copy(&payload.busybox, &root.join("bin/busybox"))?;
    symlink("busybox", root.join("bin/sh")).context("link the guest's shell")?;
    copy(&payload.agent, &root.join("tcpwarden"))?;
    copy(&payload.tests, &root.join("live"))?;
    if let Some(ip) = &payload.ip {
        copy(ip, &root.join("usr/local/bin/ip"))?;
        for library in libraries(&[&payload.agent, &payload.tests, ip])? {
            copy(&library, &root.join(library.strip_prefix("/").unwrap_or(&library)))?;
        }
    }
    let mut order = String::new();
    for module in &kernel.modules {
        let name = module.file_name().context("the module has no name")?;
        copy(module, &root.join("modules").join(name))?;
        order.push_str(&name.to_string_lossy());
        order.push('\n');
    }
    fs::write(root.join("modules/order"), order).context("write the order of the modules")?;
    let packed = home.join("initramfs");
    pack(&root, &packed)?;
    fs::remove_dir_all(&root).with_context(|| format!("remove {}", root.display()))?;
    Ok(packed)
}

/// The shared libraries of the programs, the loader included, at the paths where the programs look
/// for them.
fn libraries(programs: &[&Path]) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for program in programs {
        let text = process::output(Command::new("ldd").arg(program))?;
        for path in text.lines().filter_map(library).map(PathBuf::from) {
            if !found.contains(&path) {
                found.push(path);
            }
        }
    }
    Ok(found)
}

/// The path in one line of `ldd`: `NAME => PATH (ADDRESS)` or `PATH (ADDRESS)`.
fn library(line: &str) -> Option<&str> {
    let named = line.split_once(" => ").map_or(line, |(_, path)| path);
    named.split_whitespace().next().filter(|path| path.starts_with('/'))
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    let parent = to.parent().context("the file has no directory")?;
    fs::create_dir_all(parent).with_context(|| format!("create {}", parent.display()))?;
    fs::copy(from, to)
        .map(drop)
        .with_context(|| format!("copy {} to {}", from.display(), to.display()))
}

/// Packs a directory as the kernel wants it.
fn pack(root: &Path, packed: &Path) -> Result<()> {
    let output =
        fs::File::create(packed).with_context(|| format!("create {}", packed.display()))?;
    let mut find = Command::new("find")
        .arg(".")
        .current_dir(root)
        .stdout(Stdio::piped())
        .spawn()
        .context("run find")?;
    let names = find.stdout.take().context("find has no output")?;
    let mut cpio = Command::new("cpio");
    cpio.args(["--create", "--format=newc", "--quiet", "--owner=0:0"])
        .current_dir(root)
        .stdin(names)
        .stdout(output);
    process::run(&mut cpio)?;
    if !find.wait().context("wait for find")?.success() {
        bail!("find failed in {}", root.display());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_script_runs_the_tests_at_the_port_of_the_machine() {
        let [agent, tests, busybox] = ["a", "t", "b"].map(PathBuf::from);
        let arguments = "portable:: --skip x".to_owned();
        let payload = Payload { agent, tests, busybox, ip: None, arguments };
        for (arch, port) in [(Arch::X86, "/dev/ttyS1"), (Arch::Arm, "/dev/ttyAMA0")] {
            let script = init(&payload, arch);
            assert!(script.contains(&format!("exec >{port} 2>&1\n")), "{script}");
            assert!(script.contains("--color=never portable:: --skip x\n"), "{script}");
            assert!(!script.contains('@'), "{script}");
        }
    }

    #[test]
    fn libraries_and_the_loader_are_read_from_ldd() {
        assert_eq!(
            library("\tlibc.so.6 => /lib/x86_64-linux-gnu/libc.so.6 (0x7f)"),
            Some("/lib/x86_64-linux-gnu/libc.so.6")
        );
        assert_eq!(
            library("\t/lib64/ld-linux-x86-64.so.2 (0x7f)"),
            Some("/lib64/ld-linux-x86-64.so.2")
        );
        assert_eq!(library("\tlinux-vdso.so.1 (0x7f)"), None);
        assert_eq!(library("\tlibx.so => not found"), None);
        assert_eq!(library("\tstatically linked"), None);
    }
}
