//! The sections of keepalived's checker process.

use super::checker::{Method, Regex, RegexUse};
use super::{Alive, FileCheck, Protocol, Service, SslSettings, VirtualServer, VirtualServerGroup};
use crate::config::Lvs;
use crate::config::dump::{Out, field, member, object};
use crate::types::Family;

impl Lvs {
    pub(in crate::config) fn dump(&self, out: &mut Out) {
        if self.virtual_servers.is_empty() {
            return;
        }
        let fetches = |method: &Method| matches!(method, Method::Http(check) if check.tls);
        if self.ssl.is_some() || self.methods().any(fetches) {
            SslSettings::dump(self.ssl.as_ref(), out);
        }
        out.section("LVS Topology");
        object!(out, "System is compiled with LVS v1.2.1");
        for group in &self.groups {
            group.dump(out, &self.alive(group));
        }
        for server in &self.virtual_servers {
            server.dump(out);
        }
        self.dump_checkers(out);
        self.dump_track_files(out);
        self.dump_sessions(out);
    }

    fn methods(&self) -> impl Iterator<Item = &Method> {
        let servers = self.virtual_servers.iter().flat_map(|server| &server.real_servers);
        servers.flat_map(|server| &server.checkers).map(|checker| &checker.method)
    }

    fn regexes(&self) -> impl Iterator<Item = &Regex> {
        let urls = self.methods().filter_map(|method| match method {
            Method::Http(check) => Some(&check.urls),
            _ => None,
        });
        urls.flatten().filter_map(|url| url.regex.as_ref())
    }

    /// Real servers behind a group that are in service before the first check.
    fn alive(&self, group: &VirtualServerGroup) -> Alive {
        let mut alive = Alive::default();
        let uses = |server: &&std::sync::Arc<VirtualServer>| matches!(&server.service, Service::Group { name, .. } if *name == group.name);
        for server in self.virtual_servers.iter().filter(uses) {
            let count = server.real_servers.iter().filter(|real| real.failed_checkers() == 0).count();
            match server.protocol {
                Some(Protocol::Tcp) => alive.protocols[0] += count,
                Some(Protocol::Udp) => alive.protocols[1] += count,
                Some(Protocol::Sctp) => alive.protocols[2] += count,
                None => {}
            }
            alive.families[usize::from(server.family == Some(Family::V6))] += count;
        }
        alive
    }

    /// Those that wait for files come last.
    fn dump_checkers(&self, out: &mut Out) {
        if self.methods().next().is_none() {
            return;
        }
        let regexes: Vec<&Regex> = self.regexes().collect();
        let stacks = || regexes.iter().filter_map(|regex| regex.stack);
        let first = stacks().map(|(start, _)| start).max().unwrap_or(0);
        let most = stacks().map(|(_, max)| max).max().unwrap_or(0);
        let same = |a: &Regex, b: &Regex| (&a.pattern, &a.options) == (&b.pattern, &b.options);
        let uses = |regex: &Regex| RegexUse {
            count: regexes.iter().filter(|other| same(other, regex)).count(),
            stack: (first, most),
        };
        out.section("Health checkers");
        for files in [false, true] {
            for server in &self.virtual_servers {
                for real in &server.real_servers {
                    let mine = real.checkers.iter();
                    for checker in mine.filter(|c| matches!(c.method, Method::File(_)) == files) {
                        object!(out, "{} -> {}", server.label(), server.server_label(real.address));
                        checker.dump(out, &uses);
                    }
                }
            }
        }
    }

    /// Each real server with each of its checkers' methods, as keepalived names it.
    fn followers<'a, T>(&'a self, pick: impl Fn(&'a Method) -> Option<T>) -> Vec<(String, String, T)> {
        let mut followers = Vec::new();
        for server in &self.virtual_servers {
            for real in &server.real_servers {
                let picked = real.checkers.iter().filter_map(|checker| pick(&checker.method));
                followers
                    .extend(picked.map(|item| (server.label(), server.server_label(real.address), item)));
            }
        }
        followers
    }

    fn dump_track_files(&self, out: &mut Out) {
        let followers: Vec<(String, String, &FileCheck)> = self.followers(|method| match method {
            Method::File(check) => Some(check),
            _ => None,
        });
        let followed = |name: &str| followers.iter().any(|(_, _, check)| check.track_file == *name);
        let files: Vec<_> = self.track_files.iter().filter(|file| followed(&file.name)).collect();
        if files.is_empty() {
            return;
        }
        out.section("Checker track files");
        for file in files {
            file.dump_definition(out, 0);
            field!(out, "Tracking instances :");
            for (server, real, check) in followers.iter().filter(|(_, _, c)| c.track_file == file.name) {
                member!(out, "{server} -> {real}, {}", check.weight_shown());
            }
        }
    }

    fn dump_sessions(&self, out: &mut Out) {
        if self.sessions.is_empty() {
            return;
        }
        let followers: Vec<(String, String, &String)> = self.followers(|method| match method {
            Method::Bfd(check) => Some(&check.name),
            _ => None,
        });
        out.section("Checker track BFDs");
        for session in &self.sessions {
            object!(out, "Checker Track BFD = {session}");
            field!(out, "Tracking RS :");
            for (_, real, _) in followers.iter().filter(|(_, _, name)| *name == session) {
                field!(out, "{real}");
            }
        }
    }
}
