//! `TCP_CHECK { … }`: connects, and that is all.

use super::{CheckerDraft, Method};
use crate::config::block::real_server::RealServerDraft;
use crate::config::schema::{Context, keywords};
use crate::config::tree::Node;

keywords! {
    /// `TCP_CHECK`.
    TCP_CHECK: CheckerDraft<()>, "TCP_CHECK", None, with &[CheckerDraft::<()>::CONNECTION, CheckerDraft::<()>::TIMING];
}

pub(in crate::config) fn tcp_check(server: &mut RealServerDraft, node: &Node, cx: &mut Context<'_>) {
    let mut draft = CheckerDraft::new(server.address, ());
    TCP_CHECK.apply(&mut draft, node.children(), cx);
    let Some(connection) = draft.connection(node.end(), cx) else { return };
    server.checkers.push(draft.finish(Some(connection), Method::Tcp));
}
