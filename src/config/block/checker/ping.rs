//! `PING_CHECK { … }`: an ICMP or ICMPv6 echo request.

use super::{CheckerDraft, Method};
use crate::config::block::real_server::RealServerDraft;
use crate::config::schema::{Context, keywords};
use crate::config::tree::Node;

keywords! {
    /// `PING_CHECK`.
    PING_CHECK: CheckerDraft<()>, "PING_CHECK", None, with &[CheckerDraft::<()>::CONNECTION, CheckerDraft::<()>::TIMING];
}

pub(in crate::config) fn ping_check(server: &mut RealServerDraft, node: &Node, cx: &mut Context<'_>) {
    let mut draft = CheckerDraft::new(server.address, ());
    PING_CHECK.apply(&mut draft, node.children(), cx);
    let Some(connection) = draft.connection(node.end(), cx) else { return };
    server.checkers.push(draft.finish(Some(connection), Method::Ping));
}
