//! Completions of the command line for bash, zsh and fish.

use anyhow::{Context as _, Result};
use clap::Command;
use clap_complete::Shell;

/// The shells, with the names under which each looks for a file.
const SHELLS: [(Shell, &str); 3] =
    [(Shell::Bash, "tcpwarden.bash"), (Shell::Zsh, "_tcpwarden"), (Shell::Fish, "tcpwarden.fish")];

/// Returns the path below the folder and the text of each file.
pub(crate) fn all() -> Result<Vec<(String, String)>> {
    let program = shown();
    let write = |(shell, name): (Shell, &str)| {
        let mut text = Vec::new();
        clap_complete::generate(shell, &mut program.clone(), "tcpwarden", &mut text);
        let text = String::from_utf8(text).with_context(|| format!("{shell}: it is no text"))?;
        Ok((format!("completions/{name}"), text))
    };
    SHELLS.into_iter().map(write).collect()
}

/// Returns the command line without what is hidden: bash would offer that, too.
fn shown() -> Command {
    let program = tcpwarden::cli::command();
    let shown = program.get_subcommands().filter(|command| !command.is_hide_set()).cloned();
    Command::new("tcpwarden").args(program.get_arguments().cloned()).subcommands(shown)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_shell_offers_what_is_shown_and_nothing_that_is_hidden() {
        let files = all().unwrap();
        assert_eq!(files.len(), SHELLS.len());
        for (name, text) in files {
            for word in ["leaks", "connections", "max-series", "fail-on", "min-age"] {
                assert!(text.contains(word), "{name}: {word}");
            }
            assert!(!text.contains("lister"), "{name}");
        }
    }
}
