//! The alternative names of a certificate (RFC 5280, 4.2.1.6): DNS, mail, address and URI.
//!
//! Used by `clients`. Guarantees: whatever the bytes, it returns names or nothing.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

const SEQUENCE: u8 = 0x30;
const OBJECT_ID: u8 = 0x06;
const OCTETS: u8 = 0x04;
/// The extensions of a certificate, `[3]`.
const EXTENSIONS: u8 = 0xa3;
/// The id of the extension `subjectAltName`, 2.5.29.17.
const ALTERNATIVE_NAMES: [u8; 3] = [0x55, 0x1d, 0x11];

/// The kinds of names: `rfc822Name`, `dNSName`, `uniformResourceIdentifier`, `iPAddress`.
const MAIL: u8 = 0x81;
const DNS: u8 = 0x82;
const URI: u8 = 0x86;
const ADDRESS: u8 = 0x87;

/// Returns the names of a certificate in DER form; `None` if it is none.
pub(super) fn of(certificate: &[u8]) -> Option<Vec<String>> {
    let mut certificate = inside(certificate, SEQUENCE)?;
    let (_, mut signed) = next(&mut certificate).filter(|(tag, _)| *tag == SEQUENCE)?;
    let mut names = Vec::new();
    while let Some((tag, value)) = next(&mut signed) {
        if tag != EXTENSIONS {
            continue;
        }
        let mut extensions = inside(value, SEQUENCE)?;
        while let Some((_, extension)) = next(&mut extensions) {
            names.extend(of_extension(extension).unwrap_or_default());
        }
    }
    Some(names)
}

fn of_extension(mut extension: &[u8]) -> Option<Vec<String>> {
    next(&mut extension).filter(|one| *one == (OBJECT_ID, &ALTERNATIVE_NAMES[..]))?;
    // Whether it is critical may stand before it.
    let (_, octets) =
        std::iter::from_fn(|| next(&mut extension)).find(|(tag, _)| *tag == OCTETS)?;
    let mut all = inside(octets, SEQUENCE)?;
    let names = std::iter::from_fn(|| next(&mut all));
    Some(names.filter_map(|(tag, value)| name(tag, value)).collect())
}

fn name(tag: u8, value: &[u8]) -> Option<String> {
    match tag {
        MAIL | DNS | URI => String::from_utf8(value.to_vec()).ok(),
        ADDRESS => {
            let four = <[u8; 4]>::try_from(value).map(|octets| Ipv4Addr::from(octets).into());
            let address: Result<IpAddr, _> =
                four.or_else(|_| <[u8; 16]>::try_from(value).map(|all| Ipv6Addr::from(all).into()));
            address.ok().map(|address| address.to_string())
        }
        _ => None,
    }
}

/// Returns what is in the first value, which must be of this kind.
fn inside(mut bytes: &[u8], tag: u8) -> Option<&[u8]> {
    next(&mut bytes).filter(|(found, _)| *found == tag).map(|(_, value)| value)
}

/// Takes the next value off, with its tag of one byte.
fn next<'a>(bytes: &mut &'a [u8]) -> Option<(u8, &'a [u8])> {
    let (&tag, rest) = bytes.split_first()?;
    let (&first, mut rest) = rest.split_first()?;
    let length = match first {
        0..=0x7f => usize::from(first),
        0x81..=0x84 => {
            let (length, behind) = rest.split_at_checked(usize::from(first & 0x7f))?;
            rest = behind;
            length.iter().fold(0, |length, byte| length << 8 | usize::from(*byte))
        }
        _ => return None,
    };
    let (value, rest) = rest.split_at_checked(length)?;
    *bytes = rest;
    Some((tag, value))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn every_kind_of_name_is_read() {
        let names = [
            [MAIL, 3, b'a', b'@', b'b'].as_slice(),
            &[DNS, 2, b'x', b'y'],
            &[URI, 3, b'u', b':', b'v'],
            &[ADDRESS, 4, 10, 0, 0, 1],
            &[ADDRESS, 3, 10, 0, 0],
        ]
        .concat();
        let wrap = |tag: u8, value: &[u8]| {
            [&[tag, 0x81, u8::try_from(value.len()).unwrap()], value].concat()
        };
        let names = wrap(OCTETS, &wrap(SEQUENCE, &names));
        let critical = [0x01, 0x01, 0xff];
        let id = wrap(OBJECT_ID, &ALTERNATIVE_NAMES);
        let extension = wrap(SEQUENCE, &[&id[..], &critical, &names].concat());
        let signed = wrap(SEQUENCE, &wrap(EXTENSIONS, &wrap(SEQUENCE, &extension)));
        let certificate = wrap(SEQUENCE, &signed);
        assert_eq!(of(&certificate).unwrap(), ["a@b", "xy", "u:v", "10.0.0.1"]);
        assert_eq!(of(&certificate[..certificate.len() - 1]), None);
    }

    proptest! {
        #[test]
        fn whatever_comes_has_names_or_none(
            bytes in prop::collection::vec(any::<u8>(), 0..64),
        ) {
            let signed = [&[SEQUENCE, 0x42, EXTENSIONS, 0x40][..], &bytes].concat();
            let _ = (of(&bytes), of_extension(&bytes), of(&signed));
        }
    }
}
