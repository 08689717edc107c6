//! The arguments of a process: tokens between NULs, or a title that the process wrote over them.

use std::borrow::Cow;

/// The most bytes of arguments that are looked at.
pub(super) const MAX_BYTES: usize = 4096;

/// Returns the arguments without the last one if it was cut at the bound, because a cut argument
/// can hide what it is: the password of a URL without the `@` behind it. A title that is too long
/// is cut at its last space.
pub(super) fn bounded(argv: &[u8]) -> &[u8] {
    let Some(head) = argv.get(..MAX_BYTES).filter(|_| argv.len() > MAX_BYTES) else {
        return argv;
    };
    let whole = |byte: u8| head.iter().rposition(|found| *found == byte);
    if argv[MAX_BYTES] == 0 {
        return head;
    }
    whole(0).or_else(|| whole(b' ')).map_or(&[], |end| &head[..end])
}

/// Returns the tokens that are not empty.
pub(super) fn tokens(argv: &[u8]) -> impl Iterator<Item = &[u8]> {
    bounded(argv).split(|byte| *byte == 0).filter(|token| !token.is_empty())
}

/// Arguments, told apart by how they are written.
pub(super) enum Argv<'a> {
    /// Tokens as they were given to `execve`.
    Tokens(Vec<Cow<'a, str>>),
    /// One text with spaces, as `setproctitle` writes it.
    Title(Cow<'a, str>),
}

impl<'a> Argv<'a> {
    /// Tells what arguments are. One token with a space in it is a title.
    pub(super) fn parse(argv: &'a [u8]) -> Self {
        let mut tokens: Vec<_> = tokens(argv).map(String::from_utf8_lossy).collect();
        match tokens.pop() {
            Some(only) if tokens.is_empty() && only.contains(' ') => Self::Title(only),
            last => {
                tokens.extend(last);
                Self::Tokens(tokens)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_that_was_cut_is_left_out() {
        let long = [vec![b'a'; 4000], vec![0], vec![b'b'; 500]].concat();
        assert_eq!(bounded(&long).len(), 4000);
        assert_eq!(bounded(&vec![b'a'; 5000]), b"");
        let fits = [vec![b'a'; 4096], vec![0, b'b']].concat();
        assert_eq!(bounded(&fits).len(), 4096);
        let title = [vec![b'a'; 4000], vec![b' '], vec![b'b'; 500]].concat();
        assert_eq!(bounded(&title).len(), 4000);
    }

    #[test]
    fn one_token_with_a_space_is_a_title() {
        assert!(matches!(Argv::parse(b"php-fpm: pool www\0\0\0"), Argv::Title(_)));
        assert!(matches!(Argv::parse(b"a b\0c\0"), Argv::Tokens(tokens) if tokens.len() == 2));
        assert!(matches!(Argv::parse(b""), Argv::Tokens(tokens) if tokens.is_empty()));
    }
}
