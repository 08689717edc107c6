//! Makes the disk of a machine with `mmdebstrap`: a small Debian with systemd and its own kernel.
//!
//! Nothing of it is changed afterwards: a machine runs on a copy in memory.
use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result};

use super::plays::Machine;
use crate::arch::Arch;
use crate::kernels::Mirrors;
use crate::packages::Consent;
use crate::{process, setup, workspace};

/// What is installed besides the least Debian that there is.
const PACKAGES: &str = "systemd,systemd-sysv,dbus,udev,init-system-helpers,iproute2,procps,\
    initramfs-tools,rpm,libnss-systemd,libnss-myhostname,linux-image-cloud-";
/// The size of the disk.
const SIZE: &str = "2500M";
/// What the tests do not read.
const LEFT_OUT: [&str; 3] = ["/usr/share/man/*", "/usr/share/locale/*", "/usr/share/doc/*"];
/// Units that would work while a test runs.
const MASKED: [&str; 8] = [
    "apt-daily.timer",
    "apt-daily-upgrade.timer",
    "dpkg-db-backup.timer",
    "e2scrub_all.timer",
    "systemd-timesyncd.service",
    "getty@tty1.service",
    "serial-getty@ttyS0.service",
    "serial-getty@ttyAMA0.service",
];

/// What starts when the machine is up.
const UNIT: &str = "[Unit]
Description=the test that this machine was booted for
After=multi-user.target
[Service]
Type=oneshot
ExecStart=/main.sh
TimeoutStartSec=infinity
";
/// It takes the files from the second disk, and says what it finds on the second serial port, or on
/// the only one.
const MAIN: &str = r#"#!/bin/sh
port=/dev/ttyS1
test -c /dev/ttyAMA0 && port=/dev/ttyAMA0
exec >$port 2>&1
echo "kernel: $(uname -r)"
mkdir /payload && tar xf /dev/vdb -C /payload && cd /payload && sh ./main.sh
echo "verdict: $?"
sync
systemctl poweroff --force --force
"#;

/// The disk of a machine, with the kernel that it has.
pub(super) struct Image {
    pub(super) disk: PathBuf,
    pub(super) kernel: PathBuf,
    pub(super) initrd: PathBuf,
    /// Where the logs of its boots are.
    pub(super) home: PathBuf,
}

/// Returns the disk of a machine, made now if it is not there.
pub(super) fn of(machine: &Machine, consent: Consent) -> Result<Image> {
    if machine.arch != Arch::own()? {
        setup::for_machines_of(machine.arch, consent)?;
    }

    let home = workspace::root().join("target/machines").join(machine.name);
    let packages = format!("{PACKAGES}{}{}", machine.arch.debian(), machine.more);
    let made_of = format!("{packages}\n{SIZE}\n{LEFT_OUT:?}\n{MASKED:?}\n{UNIT}\n{MAIN}");
    let [disk, kernel, initrd] = ["disk", "vmlinuz", "initrd"].map(|name| home.join(name));
    let image = Image { disk, kernel, initrd, home };
    // The disk is made last, and then what it was made of is noted.
    let note = image.home.join("packages");
    let is_of_today = fs::read_to_string(&note).is_ok_and(|noted| noted == made_of);
    if !image.disk.exists() || !is_of_today {
        make(machine, &packages, &image)
            .with_context(|| format!("make the machine {}", machine.name))?;
        fs::write(&note, made_of).context("note what the machine has")?;
    }
    Ok(image)
}

fn make(machine: &Machine, packages: &str, image: &Image) -> Result<()> {
    let Machine { suite, arch, .. } = machine;
    fs::create_dir_all(&image.home)?;
    let root = image.home.join("root");
    remove(&root)?;
    let mirror = std::env::var("XTASK_DEBIAN_MIRROR").ok().or(Mirrors::of_system().archive);
    let mirror = mirror.context(
        "no Debian mirror among this machine's apt sources: name one with XTASK_DEBIAN_MIRROR",
    )?;
    eprintln!("machines: making {suite} in {}: some minutes, once", image.home.display());
    let mut command = process::privileged("mmdebstrap", "to make a machine")?;
    command.args(["--quiet", "--variant=minbase", "--aptopt=Acquire::Languages \"none\""]);
    command.args(LEFT_OUT.map(|path| format!("--dpkgopt=path-exclude={path}")));
    command.arg(format!("--architectures={}", arch.debian()));
    command.arg(format!("--include={packages}")).arg(suite).arg(&root).arg(mirror);
    process::run(&mut command)?;
    furnish(&root).context("write the files of the machine")?;
    for (start, to) in [("vmlinuz-", &image.kernel), ("initrd.img-", &image.initrd)] {
        let file = fs::read_dir(root.join("boot"))?
            .flatten()
            .find(|file| file.file_name().to_string_lossy().starts_with(start));
        let file = file.with_context(|| format!("the machine has no {start}"))?.path();
        fs::copy(&file, to).with_context(|| format!("copy {}", file.display()))?;
    }
    let unfinished = image.home.join("disk.new");
    remove_file(&unfinished)?;
    let mut command = Command::new("mke2fs");
    command.args(["-q", "-t", "ext4", "-O", "^has_journal", "-d"]).arg(&root);
    process::run(command.arg(&unfinished).arg(SIZE))?;
    fs::rename(&unfinished, &image.disk).context("take the disk")?;
    remove(&root)
}

/// Writes what is not Debian's.
fn furnish(root: &Path) -> Result<()> {
    let units = root.join("etc/systemd/system");
    fs::set_permissions(root, fs::Permissions::from_mode(0o755))?;
    fs::write(root.join("etc/hostname"), "machine\n")?;
    fs::write(root.join("etc/fstab"), "")?;
    fs::write(root.join("main.sh"), MAIN)?;
    fs::set_permissions(root.join("main.sh"), fs::Permissions::from_mode(0o755))?;
    fs::write(units.join("main.service"), UNIT)?;
    let wanted = units.join("multi-user.target.wants");
    fs::create_dir_all(&wanted)?;
    symlink("../main.service", wanted.join("main.service"))?;
    for unit in MASKED {
        remove_file(&units.join(unit))?;
        symlink("/dev/null", units.join(unit))?;
    }
    Ok(())
}

fn remove(directory: &Path) -> Result<()> {
    if directory.exists() {
        fs::remove_dir_all(directory).with_context(|| format!("remove {}", directory.display()))?;
    }
    Ok(())
}

fn remove_file(file: &Path) -> Result<()> {
    match fs::remove_file(file) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error.into()),
        _ => Ok(()),
    }
}
