//! How the benchmark starts what it measures and what makes load.

use std::ffi::OsString;
use std::process::Command;
use std::time::Duration;

use anyhow::Result;
use testkit::launch::Launch;

/// How long a process may take to end before it is killed.
const GRACE: Duration = Duration::from_secs(10);

/// A process that never outlives the benchmark. To be started from the main thread, because the
/// kernel ends it with the thread that starts it.
pub(super) fn launch(name: &str, mut command: Command) -> Result<Launch> {
    command.env("PATH", crate::workspace::path()?);
    without_settings(&mut command, std::env::vars_os().map(|(name, _)| name));
    Ok(Launch::new(name, command).tied().grace(GRACE))
}

/// Keeps the settings of this process from another: the agent is measured with its defaults.
fn without_settings(command: &mut Command, names: impl Iterator<Item = OsString>) {
    for name in names.filter(|name| name.as_encoded_bytes().starts_with(b"TCPWARDEN_")) {
        command.env_remove(name);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_of_the_agent_in_the_environment_do_not_reach_what_is_measured() {
        let mut command = Command::new("true");
        without_settings(
            &mut command,
            ["TCPWARDEN_RING_BYTES", "TCPWARDEN_CONFIG", "HOME", "MY_TCPWARDEN_"]
                .map(OsString::from)
                .into_iter(),
        );
        let changed: Vec<_> =
            command.get_envs().map(|(name, value)| (name.to_str().unwrap(), value)).collect();
        assert_eq!(changed, [("TCPWARDEN_CONFIG", None), ("TCPWARDEN_RING_BYTES", None)]);
    }
}
