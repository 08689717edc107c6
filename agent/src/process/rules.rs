//! Which programs are runtimes, and how the script is found in their command lines.
//!
//! The rules are a table that a file can extend; the built-in one is in `defaults`. Guarantees: a
//! table from a file is bounded, and an error of it names the entry and what is allowed.

use std::collections::BTreeMap;

use serde::Deserialize;
use thiserror::Error;

/// The most entries of any list or table from a file.
const MAX_ENTRIES: usize = 64;
/// The longest text in it, bytes.
const MAX_TEXT: usize = 128;

/// What a word of the command line that belongs to no option is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Word {
    /// The script.
    #[default]
    Script,
    /// The main class: its packages are kept, and if it is too long, its end is.
    Class,
    /// The script if it has one of the endings.
    Ending,
    /// No name at all.
    Never,
}

/// A kind of runtime: a program that runs programs of others and says nothing by its own name.
/// Names are patterns with at most one `#`, which stands for a version (digits and dots, perhaps
/// none), or one `*`, which stands for anything. Options are given with their hyphens.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Runtime {
    /// The names of the program.
    pub(crate) names: Vec<String>,
    /// What the first word is that belongs to no option.
    pub(crate) word: Word,
    /// The endings of a script's name. Behind an option that is not known to stand alone only a
    /// word with such an ending is taken, because another could be the value of the option.
    pub(crate) endings: Vec<String>,
    /// Options whose next word is their value.
    pub(crate) valued: Vec<String>,
    /// Options whose value is the name: `-m`, `-jar`.
    pub(crate) named: Vec<String>,
    /// Options whose value is program text: there is no script.
    pub(crate) code: Vec<String>,
    /// Long options without a value.
    pub(crate) flags: Vec<String>,
    /// Words before the script that are no name: `run`, `exec`.
    pub(crate) skip: Vec<String>,
    /// Beginnings of titles whose next word completes the name: `php-fpm: pool `.
    pub(crate) titles: Vec<String>,
    /// Whether short options can be joined, and their value to them: `-um`, `-Ilib`.
    pub(crate) joined: bool,
}

/// The rules by which names are found. In a file:
///
/// ```toml
/// launchers = ["dispatch-*"]
///
/// [[runtime]]
/// names = ["groovy#"]
/// endings = [".groovy"]
/// valued = ["-cp"]
/// code = ["-e"]
///
/// [aliases]
/// "com.example.shop.OrdersMain" = "orders"
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Rules {
    /// The runtimes. The first that fits is taken.
    pub(crate) runtime: Vec<Runtime>,
    /// Patterns of services, without `.service`, that start programs of others: their names say
    /// nothing about these.
    pub(crate) launchers: Vec<String>,
    /// Other names of scripts and main classes.
    pub(crate) aliases: BTreeMap<String, String>,
}

/// Why a table was refused.
#[derive(Debug, PartialEq, Eq, Error)]
pub(crate) enum RulesError {
    /// A list has too many entries.
    #[error("{0}: {1} entries; at most {MAX_ENTRIES} are allowed")]
    TooMany(&'static str, usize),
    /// A text is empty or too long.
    #[error("{0}: a text of {1} bytes; 1 to {MAX_TEXT} are allowed")]
    Length(&'static str, usize),
    /// A pattern has more than one wildcard, or nothing else.
    #[error("{0}: {1:?}: a pattern has at most one # or *, and a letter beside it")]
    Pattern(&'static str, String),
}

impl Rules {
    /// Returns the built-in rules with those of a file before them.
    ///
    /// # Errors
    /// [`RulesError`] if the table is not within its bounds.
    pub(crate) fn extended(mut file: Self) -> Result<Self, RulesError> {
        file.check()?;
        let builtin = Self::builtin();
        file.runtime.extend(builtin.runtime);
        file.launchers.extend(builtin.launchers);
        for (script, name) in builtin.aliases {
            file.aliases.entry(script).or_insert(name);
        }
        Ok(file)
    }

    /// Returns the runtime of a name; `None` if it is none's.
    #[must_use]
    pub(crate) fn runtime(&self, name: &str) -> Option<&Runtime> {
        self.runtime.iter().find(|runtime| runtime.is_called(name))
    }

    /// Returns whether a service starts programs of others.
    #[must_use]
    pub(super) fn is_launcher(&self, service: &str) -> bool {
        self.launchers.iter().any(|pattern| matches(pattern, service))
    }

    fn check(&self) -> Result<(), RulesError> {
        few("runtime", self.runtime.len())?;
        few("aliases", self.aliases.len())?;
        for (script, name) in &self.aliases {
            fits("aliases", script)?;
            fits("aliases", name)?;
        }
        let mut patterns = vec![("launchers", &self.launchers)];
        for runtime in &self.runtime {
            patterns.push(("names", &runtime.names));
            for (list, texts) in runtime.lists() {
                few(list, texts.len())?;
                texts.iter().try_for_each(|text| fits(list, text))?;
            }
        }
        for (list, texts) in patterns {
            few(list, texts.len())?;
            for text in texts {
                fits(list, text)?;
                let wild = text.matches(['#', '*']).count();
                if wild > 1 || text.len() == wild {
                    return Err(RulesError::Pattern(list, text.clone()));
                }
            }
        }
        Ok(())
    }
}

impl Runtime {
    /// Returns whether a name is one of the runtime's.
    pub(super) fn is_called(&self, name: &str) -> bool {
        self.names.iter().any(|pattern| matches(pattern, name))
    }

    fn lists(&self) -> [(&'static str, &Vec<String>); 7] {
        [
            ("endings", &self.endings),
            ("valued", &self.valued),
            ("named", &self.named),
            ("code", &self.code),
            ("flags", &self.flags),
            ("skip", &self.skip),
            ("titles", &self.titles),
        ]
    }
}

fn few(list: &'static str, entries: usize) -> Result<(), RulesError> {
    if entries > MAX_ENTRIES { Err(RulesError::TooMany(list, entries)) } else { Ok(()) }
}

fn fits(list: &'static str, text: &str) -> Result<(), RulesError> {
    let allowed = (1..=MAX_TEXT).contains(&text.len());
    if allowed { Ok(()) } else { Err(RulesError::Length(list, text.len())) }
}

/// Returns whether a pattern stands for a name.
fn matches(pattern: &str, name: &str) -> bool {
    let Some((start, end)) = pattern.split_once(['#', '*']) else {
        return pattern == name;
    };
    let middle = name.strip_prefix(start).and_then(|rest| rest.strip_suffix(end));
    let version = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    middle.is_some_and(|middle| pattern.contains('*') || version(middle))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_and_anything_are_the_only_wildcards() {
        assert!(matches("python#", "python3.11") && matches("python#", "python"));
        assert!(!matches("python#", "python-app") && !matches("python#", "xpython"));
        assert!(matches("python#t", "python3.13t") && !matches("aa#aa", "aaa"));
        assert!(matches("pm2-*", "pm2-root") && !matches("pm2-*", "pm2"));
    }

    #[test]
    fn a_file_extends_the_rules_and_comes_first() {
        let text = "launchers = ['dispatch*']\n[[runtime]]\nnames = ['groovy#']\n\
                    valued = ['-cp']\ncode = ['-e']\n[aliases]\n\"kafka.Kafka\" = 'broker'\n";
        let rules = Rules::extended(toml::from_str(text).unwrap()).unwrap();
        assert_eq!(rules.runtime("groovy4").unwrap().code, ["-e"]);
        assert!(rules.runtime("java").is_some());
        assert!(rules.is_launcher("dispatcher") && rules.is_launcher("cron"));
        assert_eq!(rules.aliases["kafka.Kafka"], "broker");
        assert!(toml::from_str::<Rules>("launcher = []").is_err());
    }

    #[test]
    fn a_table_beyond_its_bounds_is_refused() {
        let launchers = |launchers: Vec<String>| Rules { launchers, ..Rules::default() };
        assert_eq!(
            Rules::extended(launchers(vec!["a".into(); 65])),
            Err(RulesError::TooMany("launchers", 65))
        );
        assert_eq!(
            Rules::extended(launchers(vec!["a".repeat(129)])),
            Err(RulesError::Length("launchers", 129))
        );
        for pattern in ["*", "#", "a*b*", "a#*"] {
            assert_eq!(
                Rules::extended(launchers(vec![pattern.into()])),
                Err(RulesError::Pattern("launchers", pattern.into()))
            );
        }
        assert_eq!(Rules::builtin().check(), Ok(()));
    }
}
