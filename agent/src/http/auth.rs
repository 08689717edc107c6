//! Who may ask: users and passwords of the web configuration (RFC 7617).
//!
//! Used by `serve` for every request. A user that does not exist takes as long as a wrong password.

use std::hash::{BuildHasher as _, RandomState};
use std::sync::LazyLock;

use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::passwords::{Crowded, Passwords};
use super::places::Peer;
use super::web::{Rules, Web};

/// What a client is asked for.
const CHALLENGE: HeaderValue = HeaderValue::from_static("Basic realm=\"tcpwarden\"");
/// The hash of no password, behind its version and cost.
const NO_PASSWORD: &str = "abcdefghijklmnopqrstuuabcdefghijklmnopqrstuvwxyz01232";

/// Returns whether a request has shown a password: none needs one if there are no users.
///
/// # Errors
/// The answer for a request that is refused.
pub(super) async fn admitted(
    web: &Web,
    headers: &HeaderMap,
    peer: Peer,
) -> Result<bool, Box<Response>> {
    let rules = web.rules();
    if rules.users.is_empty() {
        return Ok(false);
    }
    let refusal = match admits(&rules, &web.passwords, headers, peer).await {
        Ok(true) => return Ok(true),
        Ok(false) => (
            StatusCode::UNAUTHORIZED,
            [(header::WWW_AUTHENTICATE, CHALLENGE)],
            "a user and a password are needed\n",
        )
            .into_response(),
        Err(Crowded) => (
            StatusCode::TOO_MANY_REQUESTS,
            [(header::RETRY_AFTER, HeaderValue::from_static("1"))],
            "too many passwords wait to be verified\n",
        )
            .into_response(),
    };
    Err(Box::new(refusal))
}

async fn admits(
    rules: &Rules,
    passwords: &Passwords,
    headers: &HeaderMap,
    peer: Peer,
) -> Result<bool, Crowded> {
    let Some((user, password)) = credentials(headers) else { return Ok(false) };
    if let Some(hash) = rules.users.get(&user) {
        return passwords.verify(peer, &user, &password, hash).await;
    }
    passwords.verify(peer, &user, &password, &nobody(rules, &user)).await.map(|_is_good| false)
}

/// Returns a hash that no password has, as costly as that of one of the users. The same name has
/// always the same, which nobody can foretell: how long it takes tells nothing of who is a user.
fn nobody(rules: &Rules, name: &str) -> String {
    static STATE: LazyLock<RandomState> = LazyLock::new(RandomState::new);
    let cost = |hash: &String| hash.get(4..6).unwrap_or_default().to_owned();
    let mut costs: Vec<_> = rules.users.values().map(cost).collect();
    costs.sort_unstable();
    let most = u64::try_from(costs.len()).unwrap_or(1).max(1);
    let place = usize::try_from(STATE.hash_one(name) % most).unwrap_or_default();
    let cost = costs.get(place).cloned().unwrap_or_default();
    format!("$2b${cost}${NO_PASSWORD}")
}

/// Returns the user and the password of a request.
fn credentials(headers: &HeaderMap) -> Option<(String, Vec<u8>)> {
    let text = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, encoded) = text.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let decoded = STANDARD.decode(encoded.trim()).ok()?;
    let colon = decoded.iter().position(|byte| *byte == b':')?;
    let user = String::from_utf8(decoded[..colon].to_vec()).ok()?;
    Some((user, decoded[colon + 1..].to_vec()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(value: &'static str) -> Option<(String, Vec<u8>)> {
        let value = HeaderValue::from_static(value);
        credentials(&HeaderMap::from_iter([(header::AUTHORIZATION, value)]))
    }

    #[test]
    fn a_header_is_user_and_password_or_nothing() {
        let expected = Some(("a".to_owned(), b"b:c".to_vec()));
        assert_eq!(of("Basic YTpiOmM="), expected);
        assert_eq!(of("basic YTpiOmM="), expected);
        for wrong in ["", "Basic", "Basic !", "Bearer YTpiOmM=", "Basic YWI=", "Basic /zph"] {
            assert_eq!(of(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn the_hash_of_nobody_is_as_costly_as_that_of_a_user_and_no_password_has_it() {
        let hash = |cost| bcrypt::hash("secret", cost).unwrap();
        let users = [("a".to_owned(), hash(4)), ("b".to_owned(), hash(5))];
        let rules = Rules { users: users.into(), ..Rules::default() };
        let names = || (0..64).map(|number| format!("user {number}"));
        let hashes: Vec<_> = names().map(|name| nobody(&rules, &name)).collect();
        assert!(names().map(|name| nobody(&rules, &name)).eq(hashes.iter().cloned()));
        for cost in ["$2b$04$", "$2b$05$"] {
            let like = hashes.iter().find(|hash| hash.starts_with(cost)).unwrap();
            assert!(!bcrypt::verify("secret", like).unwrap(), "it is verified, and is another");
        }
    }
}
