//! `-v`.

use crate::daemon::options::CalledAs;

/// What `-v` prints. Exporters want two lines at least, and `--enable-json` among the options
/// before they ask for JSON.
pub(super) fn text(called_as: CalledAs) -> String {
    let running = nix::sys::utsname::uname().map_or_else(
        |_| String::new(),
        |system| {
            let [name, release, version] =
                [system.sysname(), system.release(), system.version()].map(|part| part.to_string_lossy());
            format!("Running on {name} {release} {version}\n")
        },
    );
    format!(
        "{}\n\nvrrpd v{}, a VRRP daemon that stands in for keepalived 2.2.7\n{running}\n\
         configure options: --enable-json\n\nConfig options:  VRRP VRRP_AUTH JSON\n",
        called_as.banner(),
        env!("CARGO_PKG_VERSION"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    /// oracle: what mehdy's exporter and Puppet's fact match.
    #[test]
    fn exporters_and_facts_find_what_they_look_for() {
        let text = text(CalledAs::Keepalived);
        assert!(text.starts_with("Keepalived v2.2.7 (01/16,2022)\n"));
        assert!(text.lines().count() >= 2 && text.contains("--enable-json"));
        assert!(super::text(CalledAs::Vrrpd).starts_with("vrrpd v"));
    }
}
