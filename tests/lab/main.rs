//! The lab: the real binary in network namespaces, with real peers.
