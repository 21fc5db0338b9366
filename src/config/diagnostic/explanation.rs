//! Every id there is, with what it is about. The examples are those of the catalogue of mistakes,
//! `tests/it/diagnostics`: one file for each id, and what is said of it.

/// What a diagnostic of some id is about.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Explanation {
    /// The id.
    pub id: &'static str,
    /// In a sentence or two.
    pub text: &'static str,
    /// What is said of a small file with this mistake; `None` where no small file makes it.
    pub example: Option<&'static str>,
}

/// All of them, sorted by id.
#[must_use]
pub fn explanations() -> &'static [Explanation] {
    EXPLANATIONS
}

/// That of one id.
#[must_use]
pub fn explain(id: &str) -> Option<&'static Explanation> {
    EXPLANATIONS.iter().find(|explanation| explanation.id == id)
}

/// A row is `"id" "what it is about";`, and `"id" "…", no example;` where no small file makes the mistake.
macro_rules! explanations {
    ($($id:literal $text:literal $(, no $example:ident)?;)*) => {
        const EXPLANATIONS: &[Explanation] =
            &[$(Explanation { id: $id, text: $text, example: explanations!(@example $id $($example)?) }),*];
    };
    (@example $id:literal) => {
        Some(include_str!(concat!("../../../tests/it/diagnostics/", $id, ".txt")))
    };
    (@example $id:literal example) => { None };
}

explanations! {
    "address-option" "A word behind an address is no option of addresses, lacks its value, or does not go with the others. Options are `dev`, `scope`, `brd`, `label`, `peer` and their kin; each address has a line of its own.";
    "advert-int-clamped" "The field of VRRPv3 holds 40.95 seconds at most.";
    "advert-int-rounded" "VRRPv2 counts whole seconds, VRRPv3 hundredths. All routers of a virtual router have to end up with the same interval.";
    "auth-ah-as-master" "`auth_type AH` numbers its packets, and a router that starts as master would not know where to go on.";
    "auth-ah-over-ipv6" "`auth_type AH` is for IPv4 only.";
    "auth-in-version-3" "VRRPv3 has no authentication (RFC 5798 §9): adverts carry no password, and none is asked for.";
    "auth-pass-too-long" "A password of VRRPv2 is eight bytes on the wire; what is behind them does not count on either side.";
    "auth-twice" "`auth_hmac` and `authentication` in one instance: the former counts.";
    "auth-without-password" "`auth_type` without `auth_pass`: the instance runs without authentication.";
    "auth-without-type" "`auth_pass` without `auth_type`: the instance runs without authentication, and keepalived does not say so.";
    "bad-address" "What should be an address is none, or one of the wrong kind: a multicast address is asked for, or an IPv4 one.";
    "bad-auth-type" "There are `PASS` and `AH`, in capitals. Without a type the instance runs without authentication.";
    "bad-boolean" "A switch is one of `on`, `true`, `yes`, `off`, `false`, `no`, in lower case, or nothing at all, which is on.";
    "bad-command" "The command of a script cannot be split into words: a quote in it is never closed, or it ends in a backslash.";
    "bad-digest" "The MD5 sum of a page has 32 hexadecimal digits; `genhash` prints it.";
    "bad-dns-name" "A name that a `DNS_CHECK` asks about has an empty part.";
    "bad-dns-type" "A type that `DNS_CHECK` cannot ask for.";
    "bad-forwarding" "Packets reach real servers by `NAT`, `DR` or `TUN`; tunnels have a type and options of their own.";
    "bad-granularity" "`persistence_granularity` is a mask for IPv4 and the length of a prefix for IPv6.";
    "bad-hex" "Something should be hexadecimal digits and is not.";
    "bad-http-version" "A version of HTTP that keepalived cannot speak.";
    "bad-interface-name" "The name of an interface has at most 15 bytes, and neither blanks nor slashes in it.";
    "bad-key" "A key of `auth_hmac` has 32 to 64 bytes, as text or as hexadecimal digits behind `hex:`.";
    "bad-key-file" "The file of a key cannot be read, or holds more than a key.";
    "bad-mac-address" "The address of a VMAC has six octets of two hexadecimal digits, with colons between them, and is not one of a group.";
    "bad-number" "A number with something else in it. Most keywords use the digits at the start when the daemon runs, and refuse the value under `-t`.";
    "bad-repetition" "A `~SEQ` or `~LST` that cannot be read. The whole line is left out.";
    "bad-state" "A node starts as `MASTER` or `BACKUP`, in capitals. Anything else means `BACKUP`.";
    "bad-status-code" "A status code is a number from 100 to 599, or two of them with a dash between.";
    "bad-umask" "A mask is an octal number, or names of bits with `|` between them.";
    "bad-value" "A word is none of those that a keyword takes.";
    "bfd-interval-long" "The intervals of BFD are in milliseconds, and this one is longer than anybody wants to wait.";
    "bfd-no-hops" "A session over no hop at all.";
    "bfd-without-session" "A `bfd_instance` has no session: no neighbour, one of the other family, or one that another has.";
    "block-arguments" "Words stand between the keyword of a block of entries and its brace. They mean nothing.";
    "block-name" "A block that is told from others by its name has exactly one word before the brace; a name with blanks needs quotes. The whole block is skipped.";
    "checker-dropped" "A health check lacks something that it cannot be made without, so it is not made.";
    "comment-in-word" "A `#` or `!` in the middle of a word starts a comment. Quote the word if it belongs to the value.";
    "commented-backslash" "A line of a definition ends in a comment that ends in a backslash. keepalived 2.2 goes on with the definition, 2.4 ends it.";
    "conflicting-values" "Two lines contradict each other, and the first one stays.";
    "default-forwarding" "A virtual server says nothing about forwarding, nor does one of its real servers: it is `NAT`.";
    "default-protocol" "A virtual server names no protocol: it is UDP, which is rarely meant.";
    "default-scheduler" "A virtual server names no scheduler: it is `wlc`.";
    "definition-not-used" "A `$NAME` that is defined is not replaced where it stands, because of what stands behind it.";
    "definition-parameters" "A name that keepalived defines itself has parameters that it does not take.";
    "delays-shortened" "The delays of an interface are longer than its instances wait for their master. They are shortened.";
    "deprecated" "A keyword or a form that has been replaced by another. It still works.";
    "duplicate-address" "An instance has the same virtual address twice. keepalived 2.2 keeps both, 2.4 the first one.";
    "duplicate-fifo" "The same FIFO is given for all events and for some of them. It gets each once.";
    "duplicate-key" "A key of `auth_hmac` has the number of another.";
    "duplicate-name" "Two blocks of a kind have the same name. The second one is skipped as a whole.";
    "duplicate-peer" "The same address is named twice among the peers.";
    "duplicate-real-server" "A virtual server has the same real server twice. The second one is left out.";
    "duplicate-tracker" "The same thing is tracked twice by one block. The second entry is ignored.";
    "duplicate-value" "Something is given twice that counts once.";
    "duplicate-vrid" "Two instances are the same virtual router: VRID, family, interface and group, or source and peer. Neither can run.";
    "empty-block" "A block has nothing in it.";
    "empty-prefix" "An address ends in a slash. keepalived makes a /0 of it, which routes everything to the interface.";
    "endless-definition" "A definition uses itself, or definitions and repetitions are nested without end.";
    "entry-ignored" "An entry of a block cannot be read, and has no effect.";
    "escaped-comment" "A backslash before a `#` or `!` outside quotes. It keeps the character in keepalived's first process, and is gone when the others read the line: to them a comment starts there. Quote the word.";
    "expansion-too-large" "Definitions and repetitions make more lines than any daemon could use. What comes after is left out, and the daemon does not start.", no example;
    "exposed-key-file" "The file of a key can be read by others than its owner.";
    "extra-close-brace" "A `}` without its `{`. What follows is read as if the block around it had ended.";
    "extra-words" "A line has more words than it takes.";
    "family-mismatch" "An address of one family where the other one is used. The first address of a block decides its family.";
    "firewall" "A VMAC, and a master that does not accept packets to its addresses, need rules of a firewall. Without another word they are made with nftables.";
    "first-vip-not-link-local" "RFC 5798 §5.2.9: the first address of an IPv6 router is its link-local one.";
    "flag-turned-on" "A keyword without arguments is on wherever it stands, whatever is written behind it.";
    "group-family" "Addresses of both families in one group of virtual servers.";
    "group-of-mixed-owners" "Some instances of a sync group have priority 255 and others have not: the ones wait for the others.";
    "group-of-one" "A sync group of one instance keeps nothing in step.";
    "group-unusable" "A virtual server names a group that is not there, or whose addresses do not fit. It is left out.";
    "group-without-members" "A sync group has no instances, or none of those that it names exists. It is removed.";
    "ha-suspend-ignored" "`ha_suspend` looks for the address of a service, and a firewall mark has none.";
    "hysteresis-too-high" "The hysteresis has to be less than the quorum.";
    "include-check" "A word of `include_check` is no kind of failure.";
    "include-failed" "An `include` that must not fail does. Nothing runs.";
    "include-loop" "A file includes itself, or files are included too deep or too often. The file is not read again.";
    "include-missing" "An `include` finds nothing. A plain `include` is content with that.";
    "init-file" "A word of `init_file` means nothing.";
    "instance-in-two-groups" "An instance is named by two sync groups, or twice by one. The first one has it.";
    "interface-exists" "The name for a VMAC or an ipvlan is that of an interface which is something else.";
    "interrupted-definition" "A line of a comment, or of nothing but blanks, stands within a definition of several lines. keepalived's processes do not agree on where it ends.";
    "iptables" "Rules are made with nftables: keywords of iptables and its sets stand for those, or mean nothing.";
    "ipvlan-without-address" "An ipvlan sends IPv4 adverts from an address of its own, which has to be given.";
    "large-value" "A value is allowed, and so large that it is probably a mistake.";
    "line-too-long" "keepalived's lines have 1022 bytes. A longer one is left out; one that would become longer by its definitions is not expanded any further.";
    "link-local-checker" "A link-local address is on every link: a check of it has to say through which one.";
    "loopback-interface" "A virtual router cannot run on the loopback interface.";
    "missing-argument" "A keyword lacks the argument that it must have. keepalived stops reading here and exits with 2, even when it reloads.";
    "missing-close-brace" "A block is never closed. The place is where it was opened.";
    "missing-interface" "An instance names no interface, or none that can be used. It cannot run, unless it has `unicast_peer` and `unicast_src_ip`.";
    "missing-interfaces" "Interfaces of the configuration do not exist on this machine. Nothing runs until all of them do, unless `dynamic_interfaces` says otherwise.";
    "missing-open-brace" "The keyword of a block has no `{` behind it. It is read as if there were one.";
    "missing-value" "A keyword lacks its value, and keepalived reads on without it.";
    "missing-vrid" "An instance has no `virtual_router_id`. It cannot run.";
    "more-problems" "There are more problems than anybody would read.", no example;
    "multicast-with-peers" "An instance has peers and a multicast group. It speaks to the peers.";
    "name-too-long" "A name is longer than the kernel keeps it.";
    "no-active-key" "`auth_hmac` names no key to sign with, or one that is not there. It is off.";
    "no-configuration" "The configuration itself cannot be read.", no example;
    "no-effect" "A line that does nothing, in keepalived neither.";
    "no-multicast" "The interface does not do multicast, and there are no peers.";
    "no-namespace" "The network namespace that the configuration or `-s` names cannot be entered.", no example;
    "no-preference" "A rule without a preference gets one that depends on the rules above it.";
    "no-real-servers" "A virtual server has no real servers.";
    "no-sorry-server" "A line about the sorry server stands above it, or there is none.";
    "no-such-interface" "An interface does not exist on this machine. keepalived does not start with that, unless `dynamic_interfaces` says so.";
    "no-such-user" "There is no such user or group on this machine. Scripts are not run by somebody else in their place.";
    "no-track-with-group" "A static entry has both `track_group` and `no_track`: it is tied to nothing.";
    "no-vip" "An instance has no virtual addresses. In VRRPv3 it cannot run.";
    "nopreempt-ignored" "`nopreempt` does not go with `state MASTER`, nor with priority 255. It is ignored.";
    "not-ethernet" "A VMAC needs Ethernet.";
    "not-for-scheduler" "An option of a scheduler that is not set above it.";
    "not-yet-supported" "A keyword of keepalived that vrrpd knows and does not act on in this version. `vrrpd compat` lists all of them that a file uses.";
    "nul-byte" "A line with NUL bytes in it. It is left out.";
    "number-out-of-range" "A number is smaller or larger than its keyword takes.";
    "ops-ignored" "`ops` is for UDP.";
    "own-interface-tracked" "The interface of an instance is always tracked; naming it again changes nothing.";
    "owner-only" "A keyword that is for the owner of the addresses, with priority 255, or not for it.";
    "owner-with-weights" "The priority of the owner of the addresses is 255 and does not move: trackers with weights mean nothing to it.";
    "param-match" "A word of `param_match` means nothing.";
    "peer-option" "A word behind the address of a peer means nothing. Each peer has a line of its own.";
    "persistence-turned-on" "A service for all ports sends the connections of a client to one server, or it would make no sense.";
    "port-mismatch" "Only NAT can change the port of a packet.";
    "preempt-delay-ignored" "`preempt_delay` does not go with `state MASTER`, nor with `nopreempt`. It is ignored.";
    "process-never-found" "The kernel keeps 15 bytes of the name of a process, and no path: a longer name, or one with a path, is never found.";
    "protocol-ignored" "A firewall mark stands for packets of any protocol.";
    "quorum-too-high" "The quorum is more than all real servers weigh together.";
    "regex-option" "A `regex_*` keyword has a word that means nothing, or stands in a `url` without a `regex`.";
    "route-option" "A word of a route is none of its options, lacks its value, or does not go with the others.";
    "rule-option" "A word of a rule is none of its options, lacks its value, or does not go with the others.";
    "script-arguments" "Arguments of a script stand behind its command and not within the quotes. They do not reach it.";
    "script-disabled" "A check script may not run, so it counts neither as good nor as bad.", no example;
    "script-missing" "The file of a script is not there, or no file.", no example;
    "script-not-executable" "The file of a script cannot be executed by the account that it is for.", no example;
    "script-path" "A script is given without a directory and found by searching `PATH`.", no example;
    "script-removed" "A check script cannot be run, so it is dropped from all that track it.";
    "script-security" "Scripts run, and `enable_script_security` is not set.", no example;
    "script-unsafe" "Somebody other than root can change what root runs.", no example;
    "script-unused" "A check script that nothing tracks is run in vain.";
    "shared-vmac" "Two instances would have the same MAC address on the same link.";
    "sorry-server-inhibit" "The sorry server is a real server too, and the two are inhibited differently.";
    "strict-mode" "Strict mode (RFC 5798 to the letter) does not allow this.";
    "swallowed-word" "A word behind `inet` or `inet6` is lost, where keepalived loses it.";
    "timer-expired-backup" "`timer_expired_backup` is for routers that do not preempt.";
    "too-many-decimals" "A number has more decimal places than count. It is rounded.";
    "too-many-vips" "An advert has room for so many addresses. The others move along and are not advertised.";
    "track-entry" "An entry of a `track_*` block is a name, and perhaps `weight N` and `reverse`.";
    "tracked-twice" "An instance and its sync group track the same thing.";
    "tracker-unused" "A tracker that nothing tracks watches in vain.";
    "undefined-name" "A `$NAME` that is not defined above is left as it is. In `${NAME}` its braces count as braces.";
    "unexpected-brace" "A `{` behind something that opens no block. Its `}` will end the block around it.";
    "unicast-needs-xmit-base" "Unicast adverts leave through the link below a VMAC, whatever the configuration says.";
    "unicast-without-peers" "Keywords of unicast without `unicast_peer`: the instance speaks multicast.";
    "unknown-bfd-instance" "A `track_bfd` block names a `bfd_instance` that is not defined above it.";
    "unknown-family" "A family is `inet` or `inet6`.";
    "unknown-instance" "A sync group names an instance that is not in the file.";
    "unknown-keyword" "A word at the beginning of a line is no keyword of the block that it stands in. The line is ignored; if it had a block, the lines of that are read as lines of the block around it.";
    "unknown-option" "A word behind a keyword is none of those that it takes.";
    "unknown-protocol" "A transport protocol is `TCP`, `UDP` or `SCTP`.";
    "unknown-scheduler" "A scheduler that the kernel does not have.";
    "unknown-script" "A `track_script` block names a `vrrp_script` that is not defined above it. Nothing is tracked by this entry.";
    "unknown-track-file" "A `track_file` that is not defined above is named. Nothing is tracked by this entry.";
    "unknown-track-group" "An entry names a `track_group` that is not defined above it.";
    "unknown-track-process" "A `track_process` block names a `vrrp_track_process` that is not defined above it. Nothing is tracked by this entry.";
    "unterminated-quote" "A double quote is never closed. Quotes close on the line where they open, and the words before them survive.";
    "untracked-route" "A route without an interface cannot be watched: it is not put back when somebody deletes it.";
    "version-conflict" "IPv6 needs VRRPv3. keepalived, and vrrpd with it, can send version 2 over IPv6 all the same; strict mode refuses it.";
    "version-dependent" "Something that versions of keepalived read differently.";
    "vip-without-interface" "An address of an instance without an interface has to name the one that it lives on. It is left out.";
    "virtual-link-without-base" "A VMAC or an ipvlan stands on an interface, and there is none.";
    "vrf-ignored" "`vrf` is for unicast without an interface.";
    "weight-in-group" "An instance in a sync group has a tracker with a weight: priorities of a group move together, so it counts as a fault.";
    "xmit-base-ignored" "`vmac_xmit_base` is for an instance with a VMAC, and not for strict mode.";
}
