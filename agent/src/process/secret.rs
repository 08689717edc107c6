//! What is a secret: by the name of its option, by its own look, by the program that gets it.
//!
//! The rules rather mask too much than too little.

use super::text::base;

/// Words that make an option's name a secret wherever they stand in it, without separators.
const INSIDE: &[&str] = &[
    "password",
    "passwd",
    "passphrase",
    "passwort",
    "secret",
    "token",
    "credential",
    "apikey",
    "privatekey",
    "accesskey",
    "signature",
    "bearer",
    "cookie",
    "pwd",
    "encryptionkey",
];
/// Words that make it one as a part of their own.
const PARTS: &[&str] = &[
    "pass",
    "passin",
    "passout",
    "pw",
    "key",
    "auth",
    "authorization",
    "sig",
    "jwt",
    "psk",
    "pin",
    "otp",
    "salt",
    "cred",
    "creds",
];
/// Last parts that say that the value is only about a secret: where it lies, or how long it is.
const ABOUT: &[&str] = &[
    "file",
    "path",
    "dir",
    "directory",
    "kubeconfig",
    "mode",
    "type",
    "ttl",
    "timeout",
    "size",
    "length",
    "algorithm",
];
/// Words without a hyphen whose next word is a secret.
const BARE: &[&str] =
    &["password", "passwd", "passphrase", "token", "secret", "bearer", "auth", "requirepass"];
/// Beginnings of tokens that services give out.
const ISSUED: &[&str] = &[
    "ghp_",
    "gho_",
    "ghs_",
    "ghu_",
    "github_pat_",
    "glpat-",
    "xoxb-",
    "xoxp-",
    "xoxa-",
    "xapp-",
    "AKIA",
    "ASIA",
    "sk-",
    "sk_live_",
    "sk_test_",
    "rk_live_",
    "hvs.",
    "dop_v1_",
    "npm_",
    "pypi-",
    "eyJ",
    "AIza",
    "-----BEGIN",
];
/// Programs and their short options with a secret; a name that ends with `*` stands for all that
/// begin so.
const SHORT: &[(&[&str], &[&str])] = &[
    (&["mysql*", "mariadb*", "mongo*", "sshpass", "rabbitmqadmin", "docker", "podman"], &["-p"]),
    (&["redis-*", "valkey-*"], &["-a"]),
    (&["curl", "wget", "smbclient"], &["-u", "-U", "--user", "--proxy-user"]),
    (&["snmp*"], &["-c"]),
    (&["ldap*"], &["-w"]),
    (&["sqlcmd", "bcp", "mosquitto_*", "ipmitool", "zip", "unzip"], &["-P"]),
    (&["7z*"], &["-p"]),
    (&["ab"], &["-A", "-P"]),
];

/// The longest part of an option's name that is looked at, bytes.
const MAX_KEY: usize = 128;
/// The shortest text that can look random, bytes.
const RANDOM: usize = 20;

/// Returns whether the name of an option, variable or parameter says that its value is a secret.
pub(super) fn is_key(key: &str) -> bool {
    let key = &key[key.ceil_char_boundary(key.len().saturating_sub(MAX_KEY))..];
    let parts = parts(key);
    let Some(last) = parts.last() else {
        return false;
    };
    if parts.len() > 1 && ABOUT.contains(&last.as_str()) {
        return false;
    }
    let squashed = parts.concat();
    INSIDE.iter().any(|word| squashed.contains(word))
        || parts.iter().any(|part| {
            PARTS.contains(&part.as_str()) || part.ends_with("pass") || part.ends_with("auth")
        })
}

/// Returns whether a word without a hyphen announces a secret: `requirepass`, `Bearer`.
pub(super) fn is_bare_key(word: &str) -> bool {
    BARE.iter().any(|bare| bare.eq_ignore_ascii_case(word))
}

/// Returns whether a text looks like a secret itself: a token that a service gave out, or letters
/// and digits without an order.
pub(super) fn is_issued(text: &str) -> bool {
    let text = text.trim_matches(|letter: char| matches!(letter, '"' | '\'' | ',' | ';'));
    text.len() >= RANDOM && (ISSUED.iter().any(|start| text.starts_with(start)) || is_random(text))
}

/// Returns whether a text is long, of letters and digits only, and has many of both.
fn is_random(text: &str) -> bool {
    let digits = text.bytes().filter(u8::is_ascii_digit).count();
    let letters = text.bytes().filter(u8::is_ascii_alphabetic).count();
    text.len() >= RANDOM && digits + letters == text.len() && digits >= 4 && letters >= 4
}

/// Returns the short options with a secret of a program; `None` if it is not known to have any.
pub(super) fn short_options(word: &str) -> Option<&'static [&'static str]> {
    let name = base(word);
    let is = |known: &&str| match known.strip_suffix('*') {
        Some(start) => name.starts_with(start),
        None => name == *known,
    };
    SHORT.iter().find(|(programs, _)| programs.iter().any(is)).map(|(_, options)| *options)
}

/// Returns the parts of a name in lower case: divided by what is no letter and no digit, and where
/// a capital follows a small letter.
fn parts(key: &str) -> Vec<String> {
    let mut parts = vec![String::new()];
    let mut small = false;
    for letter in key.chars() {
        if !letter.is_alphanumeric() || (small && letter.is_uppercase()) {
            parts.push(String::new());
        }
        small = letter.is_lowercase();
        if let Some(part) = parts.last_mut().filter(|_| letter.is_alphanumeric()) {
            part.extend(letter.to_lowercase());
        }
    }
    parts.retain(|part| !part.is_empty());
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_of_an_option_tells_a_secret() {
        let secret = "--password PGPASSWORD -Dspring.datasource.password MYSQL_PWD apiKey \
            --api-key AWS_SECRET_ACCESS_KEY REDISCLI_AUTH --requirepass -storepass --token \
            javax.keyStorePassword X-Auth-Token Authorization client_secret --dbPass cookie";
        for key in secret.split_whitespace() {
            assert!(is_key(key), "{key}");
        }
        let plain = "--password-file --authorization-mode --tls-private-key-file monkey keyboard \
            --author --keepalive --keystore -p --authentication-kubeconfig host - =";
        for key in plain.split_whitespace() {
            assert!(!is_key(key), "{key}");
        }
    }

    #[test]
    fn a_token_that_a_service_gave_out_is_known_by_its_look() {
        assert!(is_issued("ghp_0123456789abcdefghij"));
        assert!(is_issued("eyJhbGciOiJIUzI1NiJ9.e30.abc"));
        assert!(is_issued("3f2a9c0d1e4b5a6978879"));
        assert!(!is_issued("containerd-shim-runc-v2"));
        assert!(!is_issued("OrdersServiceApplication2"));
        assert!(!is_issued("eyJ.js"));
    }
}
