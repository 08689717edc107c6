//! What is in the program besides the libraries that cargo builds into it: the C library that it is
//! linked with, and the libraries of its kernel side.
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result};
use serde_json::{Value, json};

use super::names;
use crate::{cargo, process};

/// Adds them to a bill of materials, each that it does not name yet.
pub(super) fn add(bill: &mut Value, tree: &Path) -> Result<()> {
    let mut all = c_libraries()?;
    all.extend(kernel_side(tree)?);
    let components = bill["components"].as_array_mut().context("the bill has no components")?;
    for one in all {
        let is_same = |known: &Value| known["purl"] == one["purl"];
        if !components.iter().any(is_same) {
            components.push(one);
        }
    }
    Ok(())
}

/// Returns the libraries of the C compiler that a static program contains.
fn c_libraries() -> Result<Vec<Value>> {
    let glibc = process::output(Command::new("getconf").arg("GNU_LIBC_VERSION"))?;
    let gcc = process::output(Command::new("gcc").arg("-dumpfullversion"))?;
    let of = |name: &str, version: &str, licence: &str| {
        component(name, version, &format!("pkg:generic/{name}@{version}"), licence)
    };
    let glibc = glibc.trim().strip_prefix("glibc ").context("the C library is not glibc")?;
    Ok(vec![
        of("glibc", glibc, "LGPL-2.1-or-later"),
        of("libgcc", gcc.trim(), "GPL-3.0-or-later WITH GCC-exception-3.1"),
    ])
}

/// Returns the libraries of the kernel side.
fn kernel_side(tree: &Path) -> Result<Vec<Value>> {
    let mut command = cargo::cargo("tree")?;
    command
        .args(["--locked", "--package", "agent-ebpf", "--edges", "normal", "--prefix", "none"])
        .current_dir(tree);
    let all = names(&process::output(&mut command)?);
    let of = |one: &String| {
        let (name, version) = one.split_once(" v")?;
        let purl = format!("pkg:cargo/{name}@{version}");
        // The others run in the compiler.
        name.starts_with("aya-").then(|| component(name, version, &purl, "MIT OR Apache-2.0"))
    };
    Ok(all.iter().filter_map(of).collect())
}

fn component(name: &str, version: &str, purl: &str, licence: &str) -> Value {
    json!({
        "type": "library",
        "bom-ref": purl,
        "name": name,
        "version": version,
        "purl": purl,
        "licenses": [{ "expression": licence }],
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_program_is_linked_with_is_named_once() {
        let libraries = c_libraries().unwrap();
        assert_eq!(libraries.len(), 2);
        assert!(libraries.iter().all(|one| {
            one["version"].as_str().is_some_and(|version| version.starts_with(char::is_numeric))
        }));
        let known = component("aya-ebpf", "0", "pkg:cargo/aya-ebpf@0", "MIT");
        let mut bill = json!({ "components": [known] });
        add(&mut bill, crate::workspace::root()).unwrap();
        let before = bill["components"].as_array().unwrap().len();
        add(&mut bill, crate::workspace::root()).unwrap();
        assert_eq!(bill["components"].as_array().unwrap().len(), before);
        assert!(before > 3, "{bill}");
    }
}
