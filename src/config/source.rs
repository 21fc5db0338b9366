//! Where the text of a configuration comes from, and how a place in it is named.
//!
//! The pure ring opens no file: whoever calls [`super::load`] brings a [`FileSource`]. Everything
//! read is kept in a [`SourceMap`], so that a [`Span`] of six bytes can be turned back into a file,
//! a line and an excerpt for as long as diagnostics live.

use super::glob;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::num::NonZeroU32;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

/// Reads files for the parser.
pub trait FileSource {
    /// The bytes of a configuration file.
    ///
    /// # Errors
    /// There is nothing there that can be a configuration file.
    fn read(&self, path: &Path) -> Result<Vec<u8>, ReadError>;

    /// The paths that match a glob pattern (`*`, `?`, `[…]`, `{a,b}`), sorted; a pattern without
    /// wildcards matches itself if it exists.
    fn glob(&self, pattern: &str) -> Vec<PathBuf>;
}

/// Why a path gave no text.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub enum ReadError {
    /// No such file.
    NotFound,
    /// A directory.
    Directory,
    /// Not a regular file, or one with an execute bit; keepalived reads neither.
    NotPlain,
    /// Longer than the source is willing to read, in bytes.
    TooLarge(u64),
    /// The system's own words for everything else.
    Other(String),
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotFound => f.write_str("there is no such file"),
            Self::Directory => f.write_str("it is a directory"),
            Self::NotPlain => f.write_str("it is executable or no regular file"),
            Self::TooLarge(bytes) => write!(f, "{bytes} bytes are too many for a configuration file"),
            Self::Other(reason) => f.write_str(reason),
        }
    }
}

impl std::error::Error for ReadError {}

/// Files held in memory: for tests, the simulator and for re-reading what was validated.
#[derive(Clone, Debug, Default)]
pub struct MemoryFiles {
    files: BTreeMap<PathBuf, Result<Vec<u8>, ReadError>>,
}

impl MemoryFiles {
    /// One file.
    #[must_use]
    pub fn single(path: &str, text: impl AsRef<[u8]>) -> Self {
        Self::default().with(path, text)
    }

    /// Adds a file.
    #[must_use]
    pub fn with(mut self, path: &str, text: impl AsRef<[u8]>) -> Self {
        self.files.insert(PathBuf::from(path), Ok(text.as_ref().to_vec()));
        self
    }

    /// Adds a path that exists and cannot be read.
    #[must_use]
    pub fn with_error(mut self, path: &str, error: ReadError) -> Self {
        self.files.insert(PathBuf::from(path), Err(error));
        self
    }
}

impl FileSource for MemoryFiles {
    fn read(&self, path: &Path) -> Result<Vec<u8>, ReadError> {
        let is_directory = || self.files.keys().any(|file| file != path && file.starts_with(path));
        match self.files.get(path) {
            Some(content) => content.clone(),
            None if is_directory() => Err(ReadError::Directory),
            None => Err(ReadError::NotFound),
        }
    }

    fn glob(&self, pattern: &str) -> Vec<PathBuf> {
        let patterns = glob::alternatives(pattern);
        let matches = |pattern: &str, path: &Path| {
            let (pattern, path) = (Path::new(pattern), path);
            pattern.components().count() == path.components().count()
                && pattern
                    .iter()
                    .zip(path.iter())
                    .all(|(p, n)| glob::matches(&p.to_string_lossy(), &n.to_string_lossy()))
        };
        self.files.keys().filter(|path| patterns.iter().any(|p| matches(p, path))).cloned().collect()
    }
}

/// A file of a [`SourceMap`].
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct FileId(u32);

/// A piece of one file, in bytes of its decoded text.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Span {
    /// The file.
    pub file: FileId,
    /// First byte.
    pub start: u32,
    /// One past the last byte.
    pub end: u32,
    /// What stands there came out of an expansion.
    pub frame: Option<FrameId>,
}

/// A step of an expansion, see [`Cause`].
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct FrameId(NonZeroU32);

/// How text came to stand where it is not written.
#[derive(Clone, Debug)]
pub enum Cause {
    /// `$NAME` was replaced.
    Definition {
        /// The name, without the `$`.
        name: Arc<str>,
        /// The line of the definition.
        at: Span,
    },
    /// A round of `~SEQ` or `~LST`.
    Repetition {
        /// As it was read: `~SEQ(X,1,3)`.
        head: Arc<str>,
        /// Which round: `with X = 2`.
        round: Box<str>,
    },
}

/// A step of the way on which text came to stand where it is not written, for people and for programs.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Step {
    /// It took the place of a `$NAME`.
    Definition {
        /// The name, without the `$`.
        name: Arc<str>,
        /// Where the name is defined.
        file: PathBuf,
        /// The line of the definition, from 1.
        line: usize,
    },
    /// It stands in a round of `~SEQ` or `~LST`.
    Repetition {
        /// As it was read: `~SEQ(X,1,3)`.
        head: Arc<str>,
        /// Which round: `with X = 2`.
        round: Box<str>,
    },
    /// Its file is included.
    Include {
        /// The including file.
        file: PathBuf,
        /// The line of the `include`, from 1.
        line: usize,
    },
    /// Further steps, which are not told.
    More,
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Definition { name, file, line } => {
                write!(f, "in expansion of `${name}`, defined at {}:{line}", file.display())
            }
            Self::Repetition { head, round } => write!(f, "in repetition of `{head}`, {round}"),
            Self::Include { file, line } => write!(f, "included from {}:{line}", file.display()),
            Self::More => f.write_str("and so on"),
        }
    }
}

#[derive(Clone, Debug)]
struct Frame {
    /// The expansion that this one is a part of.
    outer: Option<FrameId>,
    cause: Cause,
}

impl Span {
    /// `start..end` of `file`.
    #[must_use]
    pub fn new(file: FileId, start: usize, end: usize) -> Self {
        let clamp = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        Self { file, start: clamp(start), end: clamp(end), frame: None }
    }

    /// The bytes as a range.
    #[must_use]
    pub fn range(self) -> std::ops::Range<usize> {
        self.start as usize..self.end as usize
    }

    /// From the start of `self` to the end of `other`; `self` alone when they are in different files.
    #[must_use]
    pub fn to(self, other: Self) -> Self {
        let frame = self.frame.or(other.frame);
        if self.file == other.file { Self { end: other.end.max(self.end), frame, ..self } } else { self }
    }
}

/// A file as it was read.
#[derive(Clone, Debug)]
pub struct SourceFile {
    /// As it was asked for: the `-f` argument, or the path that an `include` resolved to.
    pub path: PathBuf,
    /// As keepalived names it: seen from the directory of the including file.
    pub name: PathBuf,
    /// The `include` line that brought it in.
    pub included_from: Option<Span>,
    text: String,
    line_starts: Vec<u32>,
}

impl SourceFile {
    /// The decoded text; bytes that are no UTF-8 are kept as private characters, see [`encode`].
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Line (from 1) of a byte.
    #[must_use]
    pub fn line(&self, offset: usize) -> usize {
        self.line_starts.partition_point(|start| *start as usize <= offset).max(1)
    }

    /// Column (from 1, in characters) of a byte.
    #[must_use]
    pub fn column(&self, offset: usize) -> usize {
        let start = self.line_starts[self.line(offset) - 1] as usize;
        self.text.get(start..offset).map_or(1, |before| before.chars().count() + 1)
    }

    /// The line's bytes without its line end.
    #[must_use]
    pub fn line_range(&self, line: usize) -> std::ops::Range<usize> {
        let start = self.line_starts.get(line.saturating_sub(1)).map_or(self.text.len(), |s| *s as usize);
        let end = self.line_starts.get(line).map_or(self.text.len(), |s| *s as usize);
        let body = self.text[start..end].trim_end_matches(['\n', '\r']);
        start..start + body.len()
    }

    /// How many lines there are.
    #[must_use]
    pub fn line_count(&self) -> usize {
        self.line_starts.len()
    }
}

/// Every file of one configuration, in the order in which it was first read.
#[derive(Clone, Debug, Default)]
pub struct SourceMap {
    files: Vec<SourceFile>,
    frames: Vec<Frame>,
    /// Text that became a password: first and last byte of each piece.
    masked: BTreeSet<(FileId, u32, u32)>,
}

/// Steps of an expansion that are told to people.
const MOST_STEPS_TOLD: usize = 8;

impl SourceMap {
    /// Adds a file and says how it is named from now on.
    pub fn add(&mut self, path: PathBuf, bytes: Vec<u8>, included_from: Option<Span>) -> FileId {
        let text = decode(bytes);
        let starts = text.bytes().enumerate().filter(|(_, b)| *b == b'\n').map(|(i, _)| i + 1);
        let mut line_starts = vec![0];
        line_starts.extend(starts.filter(|s| *s < text.len()).map(|s| u32::try_from(s).unwrap_or(u32::MAX)));
        let name = path.clone();
        self.files.push(SourceFile { path, name, included_from, text, line_starts });
        FileId(u32::try_from(self.files.len() - 1).expect("the number of includes is bounded"))
    }

    /// Says how keepalived names a file.
    pub fn rename(&mut self, id: FileId, name: PathBuf) {
        self.files[id.0 as usize].name = name;
    }

    /// A file.
    #[must_use]
    pub fn file(&self, id: FileId) -> &SourceFile {
        &self.files[id.0 as usize]
    }

    /// All files.
    pub fn files(&self) -> impl ExactSizeIterator<Item = &SourceFile> {
        self.files.iter()
    }

    /// The text of a span.
    #[must_use]
    pub fn text(&self, span: Span) -> &str {
        self.file(span.file).text.get(span.range()).unwrap_or("")
    }

    /// Adds a step of an expansion, as a part of `outer`.
    pub fn enter(&mut self, outer: Option<FrameId>, cause: Cause) -> FrameId {
        self.frames.push(Frame { outer, cause });
        let number = u32::try_from(self.frames.len()).ok().and_then(NonZeroU32::new);
        FrameId(number.expect("the lines of all expansions are bounded, and each has a few frames at most"))
    }

    /// Marks text as a password, so that no excerpt shows it.
    pub fn mask(&mut self, span: Span) {
        self.masked.insert((span.file, span.start, span.end));
    }

    /// The passwords among the bytes of a file, as marked.
    pub fn masked(&self, file: FileId) -> impl Iterator<Item = std::ops::Range<usize>> {
        let from_here = self.masked.range((file, 0, 0)..);
        from_here.take_while(move |(f, ..)| *f == file).map(|(_, start, end)| *start as usize..*end as usize)
    }

    /// How what stands at a span came to stand there, innermost step first.
    #[must_use]
    pub fn way(&self, span: Span) -> Vec<Step> {
        let mut way = Vec::new();
        let mut next = span.frame;
        while let Some(frame) = self.frame(next) {
            if way.len() == MOST_STEPS_TOLD {
                way.push(Step::More);
                break;
            }
            way.push(match &frame.cause {
                Cause::Definition { name, at } => {
                    let (file, line) = self.locate(*at);
                    Step::Definition { name: Arc::clone(name), file, line }
                }
                Cause::Repetition { head, round } => {
                    Step::Repetition { head: Arc::clone(head), round: round.clone() }
                }
            });
            next = frame.outer;
        }
        let mut included = self.file(span.file).included_from;
        while let Some(from) = included {
            let (file, line) = self.locate(from);
            way.push(Step::Include { file, line });
            included = self.file(from.file).included_from;
        }
        way
    }

    fn frame(&self, id: Option<FrameId>) -> Option<&Frame> {
        id.and_then(|FrameId(n)| self.frames.get(n.get() as usize - 1))
    }

    /// The line of a definition that what stands at a span came out of.
    #[must_use]
    pub fn definition_line(&self, span: Span) -> Option<Span> {
        let mut next = span.frame;
        while let Some(frame) = self.frame(next) {
            if let Cause::Definition { at, .. } = &frame.cause {
                return Some(*at);
            }
            next = frame.outer;
        }
        None
    }

    /// Whether what stands at a span came out of a definition of this name.
    #[must_use]
    pub fn came_out_of(&self, span: Span, definition: &str) -> bool {
        let mut next = span.frame;
        while let Some(frame) = self.frame(next) {
            if matches!(&frame.cause, Cause::Definition { name, .. } if **name == *definition) {
                return true;
            }
            next = frame.outer;
        }
        false
    }

    fn locate(&self, span: Span) -> (PathBuf, usize) {
        (self.file(span.file).path.clone(), self.position(span).0)
    }

    /// `(line, column)` of the start of a span, both from 1.
    #[must_use]
    pub fn position(&self, span: Span) -> (usize, usize) {
        let file = self.file(span.file);
        (file.line(span.start as usize), file.column(span.start as usize))
    }
}

/// First of the 256 private characters that stand for a byte which is no UTF-8.
const RAW_BYTE: u32 = 0x0010_FF00;

/// Bytes to text without loss: a byte that is no UTF-8 becomes the private character U+10FF00 + byte.
fn decode(bytes: Vec<u8>) -> String {
    let bytes = match String::from_utf8(bytes) {
        Ok(text) => return text,
        Err(error) => error.into_bytes(),
    };
    let mut text = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        text.push_str(chunk.valid());
        text.extend(chunk.invalid().iter().filter_map(|b| char::from_u32(RAW_BYTE + u32::from(*b))));
    }
    text
}

/// Text back to the bytes of the file: what a password is on the wire.
#[must_use]
pub fn encode(text: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len());
    for c in text.chars() {
        match u32::from(c).checked_sub(RAW_BYTE).and_then(|b| u8::try_from(b).ok()) {
            Some(raw) => bytes.push(raw),
            None => bytes.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
    bytes
}

/// `path` as seen from the directory of `from`, with `.` and `..` folded, so that one file has one name.
#[must_use]
pub fn relative_to(from: &Path, path: &str) -> PathBuf {
    let joined = from.parent().unwrap_or(Path::new("")).join(path);
    let mut folded = PathBuf::new();
    for part in joined.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir if matches!(folded.components().next_back(), Some(Component::Normal(_))) => {
                folded.pop();
            }
            other => folded.push(other),
        }
    }
    folded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_byte_offset_becomes_line_and_column_counted_in_characters() {
        let mut map = SourceMap::default();
        let id = map.add("x".into(), "é\r\nab cd\n".into(), None);
        let file = map.file(id);
        assert_eq!(file.line_count(), 2);
        assert_eq!(&file.text()[file.line_range(1)], "é");
        assert_eq!(map.position(Span::new(id, 7, 9)), (2, 4));
        assert_eq!(map.position(Span::new(id, 2, 2)), (1, 2));
    }

    #[test]
    fn bytes_that_are_no_utf8_survive_the_round_trip() {
        let latin1 = b"auth_pass p\xe9\xff".to_vec();
        assert_eq!(encode(&decode(latin1.clone())), latin1);
        assert_eq!(encode("é"), "é".as_bytes());
    }

    #[test]
    fn memory_files_glob_like_a_shell_within_one_directory() {
        let files = MemoryFiles::single("/e/a.conf", "").with("/e/b.conf", "").with("/e/d/c.conf", "");
        assert_eq!(files.glob("/e/*.conf"), [PathBuf::from("/e/a.conf"), PathBuf::from("/e/b.conf")]);
        assert_eq!(files.glob("/e/?.conf").len(), 2);
        assert_eq!(files.glob("/e/{b,x,a}.conf").len(), 2);
        assert!(files.glob("/e/*x").is_empty());
    }

    #[test]
    fn includes_are_named_from_the_directory_of_the_including_file() {
        assert_eq!(
            relative_to(Path::new("/etc/keepalived/k.conf"), "../k/./x.conf"),
            Path::new("/etc/k/x.conf")
        );
        assert_eq!(relative_to(Path::new("k.conf"), "x.conf"), Path::new("x.conf"));
        assert_eq!(relative_to(Path::new("/a/b"), "/x"), Path::new("/x"));
    }
}
