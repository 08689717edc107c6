//! Boots a machine with files on a second disk, and reads what it says.
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context as _, Result};

use super::image::Image;
use crate::arch::Arch;
use crate::kernels::{self, Report, Serial};

/// The kernel command line: only errors on the console, and no work at boot that tests do not need.
const COMMAND_LINE: &str = "root=/dev/vda rw panic=-1 quiet no_timer_check mitigations=off nokaslr \
    cryptomgr.notests apparmor=0 audit=0 random.trust_cpu=on net.ifnames=0";
/// The memory of a machine.
const MEMORY: &str = "1500M";

/// Boots a copy of the machine; `files` lie in its folder `/payload` under the names that are
/// given.
pub(super) fn run(arch: Arch, image: &Image, files: &[(PathBuf, &str)]) -> Result<Report> {
    let payload = image.home.join("payload.tar");
    let folder = image.home.join("payload");
    if folder.exists() {
        std::fs::remove_dir_all(&folder).context("remove the last payload")?;
    }
    std::fs::create_dir_all(&folder).context("make the folder of the payload")?;
    for (file, name) in files {
        std::fs::copy(file, folder.join(name))
            .with_context(|| format!("copy {}", file.display()))?;
    }
    crate::process::run(
        Command::new("tar").arg("cf").arg(&payload).arg("-C").arg(&folder).arg("."),
    )?;
    let (program, kind, processor, console, serial) = match arch {
        Arch::X86 => ("qemu-system-x86_64", "q35", "max,la57=off", "ttyS0", Serial::Two),
        Arch::Arm => ("qemu-system-aarch64", "virt", "cortex-a72", "ttyAMA0", Serial::One),
    };
    let line = format!("{COMMAND_LINE} console={console}");
    let mut command = Command::new(program);
    command.args(["-M", kind, "-accel", "tcg", "-cpu", processor, "-smp", "1"]);
    command.args(["-m", MEMORY, "-nodefaults", "-no-user-config", "-no-reboot"]);
    command.args(["-display", "none", "-monitor", "none", "-append", &line]);
    command.arg("-kernel").arg(&image.kernel).arg("-initrd").arg(&image.initrd);
    for (file, how) in [(&image.disk, "snapshot=on"), (&payload, "readonly=on")] {
        command.arg("-drive");
        command.arg(format!("file={},format=raw,if=virtio,{how}", file.display()));
    }
    kernels::watch(command, &image.home, serial)
}
