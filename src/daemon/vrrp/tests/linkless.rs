//! Unicast without an interface: addresses are on `vc`, adverts go between `va` and `vb`.

use super::*;

fn linkless(own: &str, peer: &str, priority: u8, vip: &str) -> VrrpInstance {
    VrrpInstance {
        interface: None,
        source: own.parse().ok(),
        delivery: Delivery::to_peers(peer.parse()),
        unicast_configured: true,
        ..instance("vc", priority, &[vip])
    }
}

fn with_a_link_for_addresses(test: impl FnOnce() + Send + 'static) {
    in_namespace(|| {
        ip("link add vc type veth peer name vd");
        ip("link set vc up");
        ip("link set vd up");
        test();
    });
}

/// oracle: keepalived 2.4.3, seen: FAULT when the link of an address goes down, with a farewell.
#[test]
fn the_links_of_its_addresses_are_tracked_and_adverts_need_no_link_of_their_own() {
    with_a_link_for_addresses(|| {
        let better = config(vec![linkless("192.0.2.1", "192.0.2.2", 200, "10.9.9.1")]);
        let worse = VrrpInstance {
            vips: vec![vip("10.9.9.2", "vb")],
            ..linkless("192.0.2.2", "192.0.2.1", 100, "10.9.9.2")
        };
        let mut a = start(&better, false);
        a.await_event(Event::Master);
        let mut b = start(&config(vec![worse]), false);
        b.await_event(Event::Backup);
        std::thread::sleep(Duration::from_millis(1500));
        let states = [&a, &b].map(|node| node.snapshot().instances[0].state);
        assert_eq!(states, [State::Master, State::Backup]);
        let socket = a.snapshot().sockets.remove(0);
        assert_eq!((socket.interface, socket.vrf, socket.unicast), (None, None, "192.0.2.1".parse().ok()));
        assert!(has("vc", "10.9.9.1"));
        ip("link set vc down");
        a.await_event(Event::Fault);
        b.await_event(Event::Master);
        ip("link set vc up");
        a.await_event(Event::Master);
        b.await_event(Event::Backup);
        [a, b].into_iter().for_each(Node::stop);
    });
}

#[test]
fn a_source_that_is_tracked_may_be_on_any_link() {
    with_a_link_for_addresses(|| {
        let source = linkless("192.0.2.9", "192.0.2.2", 100, "10.9.9.1");
        let mut node = start(&config(vec![VrrpInstance { track_source: true, ..source }]), false);
        node.await_event(Event::Fault);
        ip("address add 192.0.2.9/24 dev vb");
        node.await_event(Event::Master);
        ip("address del 192.0.2.9/24 dev vb");
        node.await_event(Event::Fault);
        node.stop();
    });
}
