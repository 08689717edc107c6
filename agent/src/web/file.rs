//! The file: every key that the format of Prometheus' exporters has, and what may be behind it.
//!
//! Used by `read`. Guarantees: a key that is not known, or not supported, is an error that names
//! it.

use std::path::{Path, PathBuf};
use std::str::FromStr as _;

use super::bundle::{Hash, Rules};
use super::names::{self, CURVES, ClientAuth, VERSIONS};
use super::node::{Map, Node};

/// The greatest cost of a hash: with it a password takes about two seconds.
const MOST_COST: u32 = 15;
/// The most users.
const MOST_USERS: usize = 1000;

/// What the file says; its files are not read yet.
#[derive(Debug, Default)]
pub(super) struct File {
    pub(super) tls: Option<Tls>,
    pub(super) headers: Vec<(String, String)>,
    pub(super) users: Vec<(String, Hash)>,
}

/// The part about TLS.
#[derive(Debug)]
pub(super) struct Tls {
    pub(super) certificates: Source,
    pub(super) key: Source,
    pub(super) client_ca: Option<Source>,
    pub(super) rules: Rules,
}

/// Where a PEM text is.
#[derive(Clone)]
pub(super) enum Source {
    /// In the file of this path, which this key has.
    File(&'static str, PathBuf),
    /// Behind this key.
    Here(&'static str, String),
}

impl std::fmt::Debug for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.name())
    }
}

impl Source {
    /// Returns the key, and the path if there is one.
    pub(super) fn name(&self) -> String {
        match self {
            Self::File(key, path) => format!("{key} {}", path.display()),
            Self::Here(key, _) => (*key).to_owned(),
        }
    }
}

const TOP: [&str; 4] =
    ["tls_server_config", "http_server_config", "basic_auth_users", "rate_limit"];
const TLS: [&str; 13] = [
    "cert_file",
    "key_file",
    "cert",
    "key",
    "client_auth_type",
    "client_ca_file",
    "client_ca",
    "client_allowed_sans",
    "min_version",
    "max_version",
    "cipher_suites",
    "prefer_server_cipher_suites",
    "curve_preferences",
];

/// The headers that may be set, and their values where the format limits them.
const HEADERS: [(&str, &[&str]); 5] = [
    ("Strict-Transport-Security", &[]),
    ("X-Content-Type-Options", &["nosniff"]),
    ("X-Frame-Options", &["deny", "sameorigin"]),
    ("X-XSS-Protection", &[]),
    ("Content-Security-Policy", &[]),
];

impl File {
    /// Reads the root; paths are relative to `folder`.
    pub(super) fn read(root: &Node, folder: &Path) -> Result<Self, String> {
        let map = root.map("the file", &TOP)?;
        if let Some(limit) = map.get("rate_limit") {
            return Err(limit.refuse(
                "rate_limit",
                "nothing: it is not supported. Connections, requests and passwords have bounds of \
                 their own",
            ));
        }
        let tls = map.get("tls_server_config").map(|node| tls(node, folder)).transpose()?;
        Ok(Self {
            tls: tls.flatten(),
            headers: map.get("http_server_config").map_or(Ok(Vec::new()), headers)?,
            users: map.get("basic_auth_users").map_or(Ok(Vec::new()), users)?,
        })
    }
}

fn tls(node: &Node, folder: &Path) -> Result<Option<Tls>, String> {
    const NAME: &str = "tls_server_config";
    let map = node.map(NAME, &TLS)?;
    if map.is_empty() {
        return Ok(None);
    }
    let source = |file: &'static str, here: &'static str| match (map.get(file), map.get(here)) {
        (Some(node), Some(_)) => Err(node.refuse(file, &format!("no {here} beside it"))),
        (Some(node), None) => {
            Ok(Some(Source::File(file, folder.join(Path::new(node.text(file)?)))))
        }
        (None, Some(node)) => Ok(Some(Source::Here(here, node.text(here)?.to_owned()))),
        (None, None) => Ok(None),
    };
    let needs = |what: &str| node.refuse(NAME, what);
    let rules = rules(&map)?;
    let client_ca = source("client_ca_file", "client_ca")?;
    let auth = map.get("client_auth_type").unwrap_or(node);
    match (rules.client_auth.verifies(), client_ca.is_some()) {
        (true, false) => {
            return Err(auth.refuse("client_auth_type", "client_ca_file beside it"));
        }
        (false, true) => {
            return Err(auth.refuse(
                "client_auth_type",
                "VerifyClientCertIfGiven or RequireAndVerifyClientCert, because a client_ca_file \
                 is given",
            ));
        }
        _ => {}
    }
    Ok(Some(Tls {
        certificates: source("cert_file", "cert")?.ok_or_else(|| needs("cert_file"))?,
        key: source("key_file", "key")?.ok_or_else(|| needs("key_file"))?,
        client_ca,
        rules,
    }))
}

fn rules(map: &Map<'_>) -> Result<Rules, String> {
    let of = |key: &'static str, default: &'static str| -> Result<String, String> {
        let Some(node) = map.get(key) else { return Ok(default.to_owned()) };
        let name = node.text(key)?;
        let known = names::find(&VERSIONS, name);
        known.map(|_| name.to_owned()).map_err(|allowed| node.refuse(key, &allowed))
    };
    let (least, greatest) = (of("min_version", "TLS12")?, of("max_version", "TLS13")?);
    if let Some(node) = map.get("min_version").filter(|_| least > greatest) {
        return Err(node.refuse("min_version", "at most max_version"));
    }
    let list = |key: &'static str, is_known: &dyn Fn(&str) -> Result<(), String>| {
        let Some(node) = map.get(key) else { return Ok(Vec::new()) };
        let names = node.texts(key)?;
        let refused = names.iter().find_map(|name| is_known(name).err());
        match refused {
            Some(allowed) => Err(node.refuse(key, &allowed)),
            None => Ok(names.into_iter().map(ToOwned::to_owned).collect::<Vec<_>>()),
        }
    };
    let all: Vec<(String, ())> =
        names::suites(&[]).iter().map(|suite| (names::suite(suite), ())).collect();
    let all: Vec<(&str, ())> = all.iter().map(|(name, ())| (name.as_str(), ())).collect();
    let client_auth = match map.get("client_auth_type") {
        None => ClientAuth::None,
        Some(node) => names::find(&ClientAuth::NAMES, node.text("client_auth_type")?)
            .map_err(|allowed| node.refuse("client_auth_type", &allowed))?,
    };
    let client_sans = list("client_allowed_sans", &|_name| Ok(()))?;
    if let Some(node) = map.get("client_allowed_sans").filter(|_| !client_auth.verifies()) {
        return Err(node.refuse(
            "client_allowed_sans",
            "a client_auth_type of VerifyClientCertIfGiven or RequireAndVerifyClientCert beside it",
        ));
    }
    Ok(Rules {
        client_auth,
        client_sans,
        least,
        greatest,
        suites: list("cipher_suites", &|name| names::find(&all, name))?,
        own_order: map
            .get("prefer_server_cipher_suites")
            .map_or(Ok(true), |node| node.truth("prefer_server_cipher_suites"))?,
        curves: list("curve_preferences", &|name| names::find(&CURVES, name).map(drop))?,
    })
}

fn headers(node: &Node) -> Result<Vec<(String, String)>, String> {
    let map = node.map("http_server_config", &["http2", "headers"])?;
    // Both values mean HTTP/1.1: a client that offers HTTP/2 gets that.
    map.get("http2").map(|node| node.truth("http2")).transpose()?;
    let Some(node) = map.get("headers") else { return Ok(Vec::new()) };
    node.map("headers", &HEADERS.map(|(name, _)| name))?;
    let mut headers = Vec::new();
    for (name, node) in node.entries("headers")? {
        let value = node.text(name)?;
        let allowed = HEADERS.iter().find(|(known, _)| known == name).map_or(&[][..], |one| one.1);
        if !allowed.is_empty() && !allowed.contains(&value) {
            return Err(node.refuse(name, &allowed.join(" or ")));
        }
        if !value.chars().all(|letter| matches!(letter, ' '..='~')) {
            return Err(node.refuse(name, "a line of ASCII"));
        }
        headers.push((name.clone(), value.to_owned()));
    }
    Ok(headers)
}

fn users(node: &Node) -> Result<Vec<(String, Hash)>, String> {
    let entries = node.entries("basic_auth_users")?;
    if entries.len() > MOST_USERS {
        return Err(node.refuse("basic_auth_users", &format!("at most {MOST_USERS} users")));
    }
    let user = |(name, node): &(String, Node)| {
        let hash = node.text(name)?;
        let costs = 4..=MOST_COST;
        let is_hash =
            bcrypt::HashParts::from_str(hash).is_ok_and(|parts| costs.contains(&parts.get_cost()));
        if name.is_empty() || name.contains(':') || !is_hash {
            let allowed = format!("a bcrypt hash with a cost from 4 to {MOST_COST}");
            return Err(node.refuse(&format!("basic_auth_users, {name:?}"), &allowed));
        }
        Ok((name.clone(), Hash(hash.to_owned())))
    };
    entries.iter().map(user).collect()
}
