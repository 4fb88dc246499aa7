//! Whose request it is: the address of the socket, or what a trusted proxy says about it in `X-Forwarded-For`.

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::Arc,
};

use actix_web::{HttpRequest, http::header::HeaderMap};
use ipnet::{IpNet, Ipv4Net};

const FORWARDED_FOR: &str = "x-forwarded-for";

/// The networks whose `X-Forwarded-For` is believed. Clones share them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrustedProxies(Arc<[IpNet]>);

impl TrustedProxies {
    /// Proxies in these networks. Those of IPv4-mapped addresses mean the networks of IPv4.
    pub fn new(networks: impl IntoIterator<Item = IpNet>) -> Self {
        Self(networks.into_iter().map(canonical).collect())
    }

    /// These networks.
    pub fn networks(&self) -> &[IpNet] {
        &self.0
    }

    /// Whether a proxy at this address is believed.
    pub fn contains(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.0.iter().any(|network| network.contains(&address))
    }

    /// The address that a request comes from; `None` only where there is no socket.
    pub fn client(&self, request: &HttpRequest) -> Option<IpAddr> {
        request.peer_addr().map(|peer| self.client_behind(peer.ip(), request.headers()))
    }

    /// The same, of a socket's peer and the headers that came from it.
    ///
    /// Each proxy adds to the header whom it was asked by, so it is read from its end, and only as far as those who wrote
    /// it are trusted: up to the first address that is no proxy of ours. What is no address ends the reading, too.
    pub fn client_behind(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        let mut believed = peer.to_canonical();
        let lines: Vec<_> = headers.get_all(FORWARDED_FOR).collect();
        let entries = lines.iter().rev().flat_map(|line| line.to_str().unwrap_or_default().rsplit(','));
        for entry in entries {
            if !self.contains(believed) {
                break;
            }
            let Some(address) = address(entry.trim()) else { break };
            believed = address;
        }
        believed
    }
}

impl Default for TrustedProxies {
    /// Proxies on this machine.
    fn default() -> Self {
        let loopback = Ipv4Net::new(Ipv4Addr::new(127, 0, 0, 0), 8).expect("8 is a length of a prefix");
        Self::new([loopback.into()])
    }
}

fn canonical(network: IpNet) -> IpNet {
    let IpNet::V6(mapped) = network else { return network };
    let address = mapped.network().to_ipv4_mapped();
    let length = mapped.prefix_len().checked_sub(96);
    let network = address.zip(length).and_then(|(address, length)| Ipv4Net::new(address, length).ok());
    network.map_or(IpNet::V6(mapped), IpNet::V4)
}

/// An address as proxies write it: alone, in brackets, or with a port.
fn address(entry: &str) -> Option<IpAddr> {
    let bracketed = || entry.strip_prefix('[')?.strip_suffix(']')?.parse().ok().map(IpAddr::V6);
    let alone = entry.parse::<IpAddr>().ok();
    let address = alone.or_else(|| entry.parse::<SocketAddr>().ok().map(|socket| socket.ip()));
    address.or_else(bracketed).map(|address| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    fn proxies(networks: &[&str]) -> TrustedProxies {
        TrustedProxies::new(networks.iter().map(|network| network.parse().unwrap()))
    }

    #[track_caller]
    fn client(trusted: &TrustedProxies, peer: &str, lines: &[&str]) -> String {
        let request = TestRequest::default().peer_addr(SocketAddr::new(peer.parse().unwrap(), 1));
        let with_line = |request: TestRequest, line| request.append_header((FORWARDED_FOR, line));
        let request = lines.iter().copied().fold(request, with_line);
        trusted.client(&request.to_http_request()).unwrap().to_string()
    }

    #[test]
    fn only_a_trusted_peer_is_believed() {
        let trusted = TrustedProxies::default();
        for peer in ["127.0.0.1", "127.8.9.10", "::ffff:127.0.0.1"] {
            assert_eq!(client(&trusted, peer, &["203.0.113.7"]), "203.0.113.7", "{peer}");
        }
        for peer in ["10.0.0.2", "192.168.1.1", "172.16.0.1", "203.0.113.9", "fd00::1", "::1"] {
            assert_eq!(client(&trusted, peer, &["198.51.100.1"]), peer);
        }
        assert_eq!(client(&proxies(&[]), "127.0.0.1", &["198.51.100.1"]), "127.0.0.1");
        assert_eq!(trusted.client(&TestRequest::default().to_http_request()), None);
    }

    #[test]
    fn the_last_address_that_is_no_proxy_of_ours_is_the_client() {
        let trusted = proxies(&["127.0.0.0/8", "10.0.0.0/8", "2001:db8:1::/48"]);
        let of = |lines: &[&str]| client(&trusted, "127.0.0.1", lines);
        assert_eq!(of(&[]), "127.0.0.1");
        assert_eq!(of(&["198.51.100.1, 203.0.113.7"]), "203.0.113.7");
        assert_eq!(of(&["198.51.100.1,203.0.113.7 , 10.0.0.3,10.1.2.3"]), "203.0.113.7");
        assert_eq!(of(&["198.51.100.1", "203.0.113.7", "10.0.0.3"]), "203.0.113.7", "lines are one list");
        assert_eq!(of(&["203.0.113.7, 2001:db8:1::5"]), "203.0.113.7");
        assert_eq!(of(&["10.0.0.9, 10.0.0.3"]), "10.0.0.9", "all are proxies: the first of them");
        assert_eq!(of(&["::ffff:203.0.113.7"]), "203.0.113.7");
    }

    #[test]
    fn proxies_may_write_ports_and_brackets() {
        let of = |entry: &str| client(&TrustedProxies::default(), "127.0.0.1", &[entry]);
        for entry in ["2001:db8::1", "[2001:db8::1]", "[2001:db8::1]:443"] {
            assert_eq!(of(entry), "2001:db8::1", "{entry}");
        }
        assert_eq!(of("203.0.113.7:4711"), "203.0.113.7");
    }

    #[test]
    fn what_is_no_address_ends_the_walk_at_the_last_one_that_is_believed() {
        let trusted = proxies(&["127.0.0.0/8", "10.0.0.0/8"]);
        for bad in ["", " ", "unknown", "_hidden", "203.0.113", "1.2.3.4.5", "203.0.113.7;", "fe80::1%eth0"] {
            let line = format!("198.51.100.1, {bad}, 10.0.0.3");
            assert_eq!(client(&trusted, "127.0.0.1", &[&line]), "10.0.0.3", "{bad:?}");
            assert_eq!(client(&trusted, "127.0.0.1", &[bad]), "127.0.0.1", "{bad:?}");
        }
    }

    #[test]
    fn mapped_networks_are_networks_of_ipv4() {
        let trusted = proxies(&["::ffff:10.0.0.0/104", "::ffff:192.0.2.1/128"]);
        assert!(trusted.contains("10.9.8.7".parse().unwrap()));
        assert!(trusted.contains("::ffff:192.0.2.1".parse().unwrap()));
        assert!(!trusted.contains("11.0.0.1".parse().unwrap()));
    }
}
