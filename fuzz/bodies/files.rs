//! Several files in one piece of bytes.

use vrrpd::config::source::MemoryFiles;

/// The text up to each line `%%` is a file: the one that `-f` names, then `1`, `2`, … beside it.
pub(crate) fn files(data: &[u8]) -> MemoryFiles {
    let named = |n| if n == 0 { "/k.conf".to_owned() } else { format!("/{n}") };
    let parts = parts(data).into_iter().enumerate();
    parts.fold(MemoryFiles::default(), |files, (n, text)| files.with(&named(n), text))
}

/// The bytes between lines `%%`.
pub(crate) fn parts(data: &[u8]) -> Vec<&[u8]> {
    let mut parts = Vec::new();
    let mut rest = data;
    while let Some(at) = rest.windows(4).position(|window| window == b"\n%%\n") {
        parts.push(&rest[..at]);
        rest = &rest[at + 4..];
    }
    parts.push(rest);
    parts
}
