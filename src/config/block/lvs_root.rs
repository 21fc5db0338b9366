//! The top level of a file, as keepalived's checker process reads it.

use super::bfd_instance::{BFD_INSTANCE, BfdInstance, bfd_instance};
use super::root::{ROOT, is_read_by_parent};
use super::ssl::{SSL, SslSettings, ssl};
use super::track_file::{ReadFile, TRACK_FILE, TrackFile, track_file, vrrp_track_file};
use super::virtual_server::{VIRTUAL_SERVER, VirtualServerDraft, virtual_server};
use super::virtual_server_group::{VirtualServerGroup, virtual_server_group};
use crate::config::Lvs;
use crate::config::diff::compared;
use crate::config::reference::KeywordReference;
use crate::config::schema::{Naming, Schema, Shape, Support, keywords};
use crate::config::value::DefaultAccount;

/// Root keywords that are read here and nowhere else.
pub(in crate::config) const LVS_BLOCKS: [&str; 3] = ["virtual_server", "virtual_server_group", "SSL"];

/// The keyword that the BFD process reads, as others do.
pub(in crate::config) const BFD_BLOCK: &str = "bfd_instance";

/// What the blocks of a file have put together so far.
pub(in crate::config) struct LvsDraft {
    pub(in crate::config) script_account: DefaultAccount,
    pub(in crate::config) ssl: Option<SslSettings>,
    pub(in crate::config) groups: Vec<VirtualServerGroup>,
    pub(in crate::config) servers: Vec<VirtualServerDraft>,
    pub(in crate::config) track_files: Vec<TrackFile>,
    pub(in crate::config) bfd_instances: Vec<BfdInstance>,
}

impl LvsDraft {
    pub(in crate::config) fn new(script_account: DefaultAccount) -> Self {
        Self {
            script_account,
            ssl: None,
            groups: Vec::new(),
            servers: Vec::new(),
            track_files: Vec::new(),
            bfd_instances: Vec::new(),
        }
    }

    fn add_file(&mut self, read: Option<ReadFile>) {
        self.track_files.extend(read.and_then(|read| read.file));
    }
}

keywords! {
    /// Blocks of the top level that are for the checkers.
    LVS_ROOT: LvsDraft, "", None;
    "SSL" Block(&SSL) "{…}" "" "" => |d, n, cx| d.ssl = Some(ssl(n, d.ssl.is_some(), cx)), "settings of the TLS client of `SSL_GET`", NotYet("no load balancing");
    "virtual_server_group" NamedEntries "NAME {…}" "" "" => |d, n, cx| d.groups.extend(virtual_server_group(n, cx)), "addresses and firewall marks that one virtual server stands for", NotYet("no load balancing");
    "virtual_server" Block(&VIRTUAL_SERVER) "ADDRESS [PORT] | fwmark N | group NAME {…}" "" "" => virtual_server, "a service and the machines behind it", NotYet("no load balancing");
    "track_file" Block(&TRACK_FILE) "NAME {…}" "" "" => |d, n, cx| d.add_file(track_file(n, cx)), "a file whose number counts";
    "vrrp_track_file" Block(&TRACK_FILE) "NAME {…}" "" "" => |d, n, cx| d.add_file(vrrp_track_file(n, cx)), "deprecated spelling of `track_file`";
    "bfd_instance" Block(&BFD_INSTANCE) "NAME {…}" "" "" => |d, n, cx| d.bfd_instances.extend(bfd_instance(n, &d.bfd_instances, cx)), "a BFD session with a neighbour";
}

/// The top level as one of keepalived's processes reads it: what [`ROOT`] has for others is left out.
pub(in crate::config) struct Part {
    table: &'static dyn Schema,
    owns: fn(&str) -> bool,
}

/// What the parent reads, before everything else and wherever it stands.
pub(in crate::config) static PARENT_PART: Part = Part { table: &ROOT, owns: is_read_by_parent };
/// What the VRRP process reads.
pub(in crate::config) static VRRP_PART: Part =
    Part { table: &ROOT, owns: |keyword| !is_read_by_parent(keyword) };
/// What the checker process reads.
pub(in crate::config) static CHECKER_PART: Part =
    Part { table: &LVS_ROOT, owns: |keyword| LVS_ROOT.shape(keyword).is_some() };
/// What the BFD process reads.
pub(in crate::config) static BFD_PART: Part = Part { table: &ROOT, owns: |keyword| keyword == BFD_BLOCK };

impl Schema for Part {
    fn block(&self) -> &'static str {
        self.table.block()
    }

    fn naming(&self) -> Naming {
        self.table.naming()
    }

    fn shape(&self, keyword: &str) -> Option<Shape> {
        match (self.owns)(keyword) {
            true => self.table.shape(keyword),
            false => ROOT.shape(keyword).map(|_| Shape::Foreign),
        }
    }

    fn support(&self, keyword: &str) -> Support {
        if (self.owns)(keyword) { self.table.support(keyword) } else { Support::Same }
    }

    fn names(&self) -> Vec<&'static str> {
        ROOT.names()
    }

    fn reference(&self) -> Vec<KeywordReference> {
        self.table.reference()
    }
}

impl LvsDraft {
    /// Names of the sessions above that tell the checkers.
    pub(in crate::config) fn sessions(&self) -> Vec<String> {
        let heard = self.bfd_instances.iter().filter(|session| session.tells_checkers);
        heard.map(|session| session.name.clone()).collect()
    }
}

compared! { Lvs {
    virtual_servers: "virtual_server" None hidden;
    groups: "virtual_server_group" None hidden;
    ssl: "SSL" None hidden;
    track_files: "track_file" None hidden;
    sessions: "bfd_instance" None list;
}}
