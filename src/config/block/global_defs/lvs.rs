//! Those of the globals that are for load balancing.

use super::GlobalDraft;
use crate::config::block::LvsGlobals;
use crate::config::schema::Context;
use crate::config::tree::Node;

/// Settings for all virtual servers.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct LvsDefs {
    /// `smtp_alert_checker`: mail about virtual and real servers; wins over `smtp_alert`.
    pub smtp_alert_checker: Option<bool>,
    /// `checker_log_all_failures`
    pub checker_log_all_failures: bool,
}

impl GlobalDraft {
    /// What virtual servers have to know of the globals.
    pub(in crate::config) fn lvs(&self) -> LvsGlobals {
        let lvs = &self.defs.lvs;
        LvsGlobals {
            smtp_alert: lvs.smtp_alert_checker.or(self.defs.smtp_alert),
            log_all_failures: lvs.checker_log_all_failures,
        }
    }
}

pub(super) fn smtp_alert_checker(d: &mut GlobalDraft, node: &Node, cx: &mut Context<'_>) {
    let value = cx.boolean(&node.args, |word| {
        format!("Invalid value '{word}' for global smtp_alert_checker specified")
    });
    d.defs.lvs.smtp_alert_checker = value.or(d.defs.lvs.smtp_alert_checker);
}

pub(super) fn checker_log_all_failures(d: &mut GlobalDraft, node: &Node, cx: &mut Context<'_>) {
    let value = cx.boolean(&node.args, |_| "Invalid value for checker_log_all_failures specified".to_owned());
    d.defs.lvs.checker_log_all_failures = value.unwrap_or(d.defs.lvs.checker_log_all_failures);
}
