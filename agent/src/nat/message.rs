//! The messages of the kernel's connection tracking: a question about one tuple, and its answer.
//!
//! They are netlink messages of `nfnetlink_conntrack.h`: a header in the order of the machine, then
//! attributes, whose addresses and ports are in network order. Guarantees: any bytes are an answer
//! or nothing; nothing is read past their end.

use std::net::{Ipv4Addr, Ipv6Addr};

use super::{End, Ends};

/// The most bytes of an answer: a larger one than the kernel makes (`NLMSG_GOODSIZE`).
pub(super) const MOST: usize = 8192;

/// `NLM_F_REQUEST`.
const REQUEST: u16 = 1;
/// `NLMSG_ERROR`: an error number, negative, or zero.
const ERROR: u16 = 2;
/// `NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_NEW`: an entry.
const ENTRY: u16 = 1 << 8;
/// `NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_GET`: which entry?
const GET: u16 = 1 << 8 | 1;
/// The bytes of `nlmsghdr`, and with `nfgenmsg` behind it.
const HEADER: usize = 16;
const WHOLE_HEADER: usize = HEADER + 4;

/// `CTA_TUPLE_ORIG`, `CTA_TUPLE_REPLY`: the directions of an entry.
const ORIGINAL: u16 = 1;
const REPLY: u16 = 2;
/// `CTA_TUPLE_IP` and in it source and destination of IPv4 and IPv6.
const ADDRESSES: u16 = 1;
const IPV4: [u16; 2] = [1, 2];
const IPV6: [u16; 2] = [3, 4];
/// `CTA_TUPLE_PROTO` and in it `CTA_PROTO_NUM`, `CTA_PROTO_SRC_PORT`, `CTA_PROTO_DST_PORT`.
const PROTOCOL: u16 = 2;
const NUMBER: u16 = 1;
const PORTS: [u16; 2] = [2, 3];
const TCP: u8 = 6;
/// `NLA_F_NESTED`, and the bits that are the kind of an attribute (`NLA_TYPE_MASK`).
const NESTED: u16 = 1 << 15;
const KIND: u16 = 0x3fff;

/// A connection as the kernel tracks it: source and destination of what goes either way. Without
/// NAT one is the other, turned round.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    /// As the first segment had them.
    pub(super) original: [End; 2],
    /// As the answer to it has them.
    pub(super) reply: [End; 2],
}

impl Entry {
    /// Returns how the other side of NAT has these ends. `None` if the entry is not theirs.
    pub(super) fn beyond(&self, ends: Ends) -> Option<Ends> {
        let asked = [ends.local, ends.peer];
        let [peer, local] = if asked == self.original {
            self.reply
        } else if asked == self.reply {
            self.original
        } else {
            return None;
        };
        Some(Ends { local, peer })
    }
}

/// What the kernel answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    Entry(Entry),
    /// The error number.
    Error(i32),
}

/// Writes the question after the entry of a connection with these ends. `None` if one is IPv4 and
/// one IPv6.
pub(super) fn question(ends: Ends, sequence: u32) -> Option<Vec<u8>> {
    let family = family(&[ends.local, ends.peer])?;
    let mut text = head(GET, REQUEST, sequence, family);
    tuple(&mut text, ORIGINAL, [ends.local, ends.peer]);
    Some(finished(text))
}

/// Reads an answer with the sequence number of its question.
pub(super) fn answer(bytes: &[u8]) -> Option<(u32, Answer)> {
    let length = usize::try_from(u32::from_ne_bytes(part(bytes, 0)?)).ok()?;
    let bytes = bytes.get(..length)?;
    let kind = u16::from_ne_bytes(part(bytes, 4)?);
    let sequence = u32::from_ne_bytes(part(bytes, 8)?);
    let answer = match kind {
        ERROR => Answer::Error(i32::from_ne_bytes(part(bytes, HEADER)?).checked_neg()?),
        ENTRY => {
            let attributes = bytes.get(WHOLE_HEADER..)?;
            let read = |direction| read_tuple(attribute(attributes, direction)?);
            Answer::Entry(Entry { original: read(ORIGINAL)?, reply: read(REPLY)? })
        }
        _ => return None,
    };
    Some((sequence, answer))
}

/// Writes an entry as the kernel does.
#[cfg(any(test, feature = "fuzzing"))]
pub(super) fn entry(entry: &Entry, sequence: u32) -> Option<Vec<u8>> {
    let mut text = head(ENTRY, 0, sequence, family(&entry.original)?);
    tuple(&mut text, ORIGINAL, entry.original);
    tuple(&mut text, REPLY, entry.reply);
    Some(finished(text))
}

/// `AF_INET` or `AF_INET6`, if both ends are of it.
fn family(ends: &[End; 2]) -> Option<u8> {
    match ends.map(|(address, _)| address.to_ipv4_mapped().is_some()) {
        [true, true] => Some(2),
        [false, false] => Some(10),
        _ => None,
    }
}

/// Returns the headers of a message whose length is not known yet.
fn head(kind: u16, flags: u16, sequence: u32, family: u8) -> Vec<u8> {
    let mut text = Vec::with_capacity(128);
    text.extend([0; 4]);
    text.extend(kind.to_ne_bytes());
    text.extend(flags.to_ne_bytes());
    text.extend(sequence.to_ne_bytes());
    // The kernel knows the sender. Then `nfgenmsg`: the family, version 0, resource 0.
    text.extend([0, 0, 0, 0, family, 0, 0, 0]);
    text
}

/// Sets the length of a message.
fn finished(mut text: Vec<u8>) -> Vec<u8> {
    let length = u32::try_from(text.len()).unwrap_or_default();
    text.splice(..4, length.to_ne_bytes());
    text
}

/// Appends source and destination of a direction.
fn tuple(text: &mut Vec<u8>, direction: u16, [source, destination]: [End; 2]) {
    nest(text, direction | NESTED, |text| {
        nest(text, ADDRESSES | NESTED, |text| {
            let both = [source.0, destination.0];
            for (place, address) in both.into_iter().enumerate() {
                match address.to_ipv4_mapped() {
                    Some(ipv4) => nest(text, IPV4[place], |text| text.extend(ipv4.octets())),
                    None => nest(text, IPV6[place], |text| text.extend(address.octets())),
                }
            }
        });
        nest(text, PROTOCOL | NESTED, |text| {
            nest(text, NUMBER, |text| text.push(TCP));
            for (kind, port) in PORTS.into_iter().zip([source.1, destination.1]) {
                nest(text, kind, |text| text.extend(port.to_be_bytes()));
            }
        });
    });
}

/// Appends an attribute with what `write` appends.
fn nest(text: &mut Vec<u8>, kind: u16, write: impl FnOnce(&mut Vec<u8>)) {
    let start = text.len();
    text.extend([0; 2]);
    text.extend(kind.to_ne_bytes());
    write(text);
    let length = u16::try_from(text.len() - start).unwrap_or_default();
    text.splice(start..start + 2, length.to_ne_bytes());
    text.resize(text.len().next_multiple_of(4), 0);
}

/// Returns the contents of the first attribute of a kind.
fn attribute(mut bytes: &[u8], wanted: u16) -> Option<&[u8]> {
    loop {
        let length = usize::from(u16::from_ne_bytes(part(bytes, 0)?));
        let kind = u16::from_ne_bytes(part(bytes, 2)?) & KIND;
        // One that is shorter than its own head would be met for ever.
        let contents = bytes.get(4..length)?;
        if kind == wanted {
            return Some(contents);
        }
        bytes = bytes.get(length.next_multiple_of(4)..)?;
    }
}

/// Returns source and destination, if they are of TCP.
fn read_tuple(bytes: &[u8]) -> Option<[End; 2]> {
    let (addresses, protocol) = (attribute(bytes, ADDRESSES)?, attribute(bytes, PROTOCOL)?);
    if attribute(protocol, NUMBER)? != [TCP] {
        return None;
    }
    let ipv4 = |kind| Some(Ipv4Addr::from(whole::<4>(addresses, kind)?).to_ipv6_mapped());
    let ipv6 = |kind| Some(Ipv6Addr::from(whole::<16>(addresses, kind)?));
    let end = |place: usize| {
        let address = ipv4(IPV4[place]).or_else(|| ipv6(IPV6[place]))?;
        Some((address, u16::from_be_bytes(whole(protocol, PORTS[place])?)))
    };
    let ends = [end(0)?, end(1)?];
    family(&ends).map(|_family| ends)
}

/// Returns an attribute that has exactly so many bytes.
fn whole<const N: usize>(bytes: &[u8], kind: u16) -> Option<[u8; N]> {
    attribute(bytes, kind)?.try_into().ok()
}

/// Returns so many bytes from a place on.
fn part<const N: usize>(bytes: &[u8], from: usize) -> Option<[u8; N]> {
    bytes.get(from..)?.first_chunk().copied()
}
