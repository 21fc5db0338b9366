//! The whole way: a path in, a [`Config`] and everything there is to say about it out.

use super::Config;
use super::block::{GlobalDraft, ROOT, RootDraft};
use super::diagnostic::{Class, Consequence, Diagnostic};
use super::environment::Environment;
use super::reader::Reader;
use super::resolve::resolve;
use super::schema::Context;
use super::source::{FileSource, SourceMap};
use super::tree::Builder;
use std::path::Path;

/// What became of a configuration file. Reading never fails: what cannot be used is left out and said.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// What runs.
    pub config: Config,
    /// Everything there is to say, in the order of the files.
    pub diagnostics: Vec<Diagnostic>,
    /// The text that the diagnostics point into: the very bytes that were read.
    pub sources: SourceMap,
}

impl Loaded {
    /// Whether keepalived would not run this: the daemon does not start, or keeps what it has on reload.
    #[must_use]
    pub fn is_fatal(&self) -> bool {
        self.diagnostics.iter().any(Diagnostic::is_fatal)
    }

    /// The exit code of a daemon that cannot start with this: 6 without a file, 2 when refused; `None`
    /// when it runs.
    #[must_use]
    pub fn run_exit_code(&self) -> Option<u8> {
        match self.worst_consequence() {
            Consequence::GoesOn => None,
            Consequence::Refused | Consequence::StopsReading => Some(2),
            Consequence::NothingToRun => Some(6),
        }
    }

    /// The exit code of `-t`: 2 for a missing argument, else that of the highest class (0, 4, 5, 6).
    #[must_use]
    pub fn test_exit_code(&self) -> u8 {
        if self.diagnostics.iter().any(|d| d.consequence == Consequence::StopsReading) {
            return 2;
        }
        self.diagnostics.iter().map(|d| d.class).max().unwrap_or(Class::Harmless).exit_code()
    }

    fn worst_consequence(&self) -> Consequence {
        self.diagnostics.iter().map(|d| d.consequence).max().unwrap_or_default()
    }
}

/// Reads the file that `-f` names, and all that it includes.
#[must_use]
pub fn load(path: &Path, files: &dyn FileSource, environment: &dyn Environment) -> Loaded {
    let mut reader = Reader::new(files, environment);
    reader.read_main(path);
    let Reader { sources, lines, diagnostics, .. } = reader;

    let mut builder = Builder::new(lines);
    let nodes = builder.build(&ROOT);

    let mut cx = Context { diagnostics, environment, by_parent: false };
    cx.diagnostics.append(&mut builder.diagnostics);
    let global = GlobalDraft::new(cx.customary_account());
    let mut root = RootDraft { global, scripts: Vec::new(), instances: Vec::new() };
    root.read_globals(&nodes, &mut cx);
    ROOT.apply(&mut root, &nodes, &mut cx);
    let config = resolve(root, builder.virtual_servers, &mut cx);

    let mut diagnostics = cx.diagnostics;
    diagnostics.sort_by_key(|d| d.span.map(|span| (span.file, span.start)));
    Loaded { config, diagnostics, sources }
}
