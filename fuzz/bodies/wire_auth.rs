//! Any bytes behind an IP header: no proof is read where there is none, and what is signed is believed only as
//! it was.

use std::net::{IpAddr, Ipv4Addr};
use vrrpd::types::Secret;
use vrrpd::wire::auth::{ah, hmac};
use vrrpd::wire::vrrp;

const SOURCE: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));

/// The bytes as an authentication header, as a trailer, and as a message that is signed.
pub(crate) fn run(data: &[u8]) {
    let key = Secret::new((0..32).collect());
    let (ip_header, rest) = data.split_at(data.len().min(20));
    if let Ok(packet) = ah::Packet::new(rest) {
        assert!(!packet.is_authentic(&key, ip_header, ah::Ttl::Mutable), "nobody knows this key");
    }
    let tail = data.len().saturating_sub(hmac::TRAILER_LEN);
    if let (Ok(message), Ok(trailer)) =
        (vrrp::Packet::new(&data[..tail]), hmac::Trailer::parse(&data[tail..]))
    {
        assert!(!trailer.is_authentic(&key, SOURCE, message), "nobody knows this key");
    }
    let Ok(message) = vrrp::Packet::new(data) else { return };
    let signed = hmac::sign(&key, 7, hmac::Sequence(42), SOURCE, message);
    let trailer = hmac::Trailer::parse(&signed).expect("we can read what we write");
    assert!(trailer.is_authentic(&key, SOURCE, message), "we believe what we have signed");
    let mut changed = data.to_vec();
    let at = usize::from(data[0]) * 7 % data.len();
    changed[at] ^= 1;
    let message = vrrp::Packet::new(&changed).expect("as long as before");
    let is_checksum = (6..8).contains(&at);
    assert_eq!(trailer.is_authentic(&key, SOURCE, message), is_checksum, "byte {at}");
}
