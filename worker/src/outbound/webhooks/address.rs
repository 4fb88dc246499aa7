//! Which addresses endpoints may have: whoever registers one must not be able to make this service call its own network.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    time::Duration,
};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use reqwest::{
    Url,
    dns::{Addrs, Name, Resolve, Resolving},
};
use tokio::time::timeout;

/// Longest address of an endpoint, in bytes.
const URL_MAX: usize = 2_048;
/// The ports that are called on the internet.
const PORTS: [u16; 2] = [443, 8443];
/// How long a name may take to resolve.
const RESOLVE: Duration = Duration::from_secs(3);

/// IPv4 networks that are not on the internet (RFC 6890 and its registry).
const NOT_PUBLIC_V4: [Ipv4Net; 15] = [
    v4(0, 0, 0, 0, 8),
    v4(10, 0, 0, 0, 8),
    v4(100, 64, 0, 0, 10),
    v4(127, 0, 0, 0, 8),
    v4(169, 254, 0, 0, 16),
    v4(172, 16, 0, 0, 12),
    v4(192, 0, 0, 0, 24),
    v4(192, 0, 2, 0, 24),
    v4(192, 88, 99, 0, 24),
    v4(192, 168, 0, 0, 16),
    v4(198, 18, 0, 0, 15),
    v4(198, 51, 100, 0, 24),
    v4(203, 0, 113, 0, 24),
    v4(224, 0, 0, 0, 4),
    v4(240, 0, 0, 0, 4),
];

/// Global unicast of IPv6, and what of it is not on the internet or leads to IPv4: protocol assignments with Teredo,
/// documentation, 6to4.
const PUBLIC_V6: Ipv6Net = v6(0x2000, 0, 3);
const NOT_PUBLIC_V6: [Ipv6Net; 4] =
    [v6(0x2001, 0, 23), v6(0x2001, 0xdb8, 32), v6(0x2002, 0, 16), v6(0x3fff, 0, 20)];

const fn v4(a: u8, b: u8, c: u8, d: u8, length: u8) -> Ipv4Net {
    Ipv4Net::new_assert(Ipv4Addr::new(a, b, c, d), length)
}

const fn v6(a: u16, b: u16, length: u8) -> Ipv6Net {
    Ipv6Net::new_assert(Ipv6Addr::new(a, b, 0, 0, 0, 0, 0, 0), length)
}

/// Why an endpoint cannot have an address. The address is not repeated: there may be a secret in it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// No address of an endpoint at all.
    #[error("url {0}")]
    Unusable(&'static str),
    /// It is of a network that is not called.
    #[error(
        "url: {0} is not a public address; the operator can allow its network with webhooks.allow_private"
    )]
    NotPublic(IpAddr),
    /// On the internet, only HTTPS on its usual ports.
    #[error(
        "url must be https on port 443 or 8443; http and other ports are for networks in webhooks.allow_private"
    )]
    NotHttps,
}

/// Whether endpoints on the internet may have this address, or only those in a network that the operator has allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Zone {
    /// Any public address, and those that are allowed.
    Internet,
    /// Only those that are allowed: it is not HTTPS, or not on a usual port.
    Allowed,
}

/// An address that can be called.
#[derive(Clone, Debug)]
pub(super) struct Target {
    pub(super) url: Url,
    pub(super) zone: Zone,
}

/// Checks all of an endpoint's address but what its name resolves to.
///
/// # Errors
///
/// [`AddressError`].
pub(super) fn check(url: &str, allowed: &[IpNet]) -> Result<Target, AddressError> {
    if url.len() > URL_MAX {
        return Err(AddressError::Unusable("must be 2,048 bytes long at most"));
    }
    let url = Url::parse(url).map_err(|_| AddressError::Unusable("must be a whole address, https://…"))?;
    if !matches!(url.scheme(), "https" | "http") {
        return Err(AddressError::Unusable("must begin with https:// or http://"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(AddressError::Unusable("must not hold a user or password: deliveries are signed"));
    }
    if url.fragment().is_some() {
        return Err(AddressError::Unusable("must not have a fragment (#…)"));
    }
    let usual = url.scheme() == "https" && url.port_or_known_default().is_some_and(|p| PORTS.contains(&p));
    let zone = if usual { Zone::Internet } else { Zone::Allowed };
    match literal(&url) {
        Some(address) if is_allowed(address, allowed) => {}
        Some(address) if !is_public(address) => return Err(AddressError::NotPublic(address)),
        Some(_) if zone == Zone::Allowed => return Err(AddressError::NotHttps),
        None if zone == Zone::Allowed && allowed.is_empty() => return Err(AddressError::NotHttps),
        Some(_) | None => {}
    }
    Ok(Target { url, zone })
}

fn literal(url: &Url) -> Option<IpAddr> {
    let host = url.host_str()?;
    host.trim_start_matches('[').trim_end_matches(']').parse().ok()
}

fn is_allowed(address: IpAddr, allowed: &[IpNet]) -> bool {
    let address = address.to_canonical();
    allowed.iter().any(|net| net.contains(&address))
}

fn is_public(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(address) => !NOT_PUBLIC_V4.iter().any(|net| net.contains(&address)),
        IpAddr::V6(address) => {
            PUBLIC_V6.contains(&address) && !NOT_PUBLIC_V6.iter().any(|net| net.contains(&address))
        }
    }
}

/// Resolves names to those addresses that may be called: what a name resolves to can change after it was checked.
pub(super) struct Resolver {
    pub(super) zone: Zone,
    pub(super) allowed: Vec<IpNet>,
}

impl Resolver {
    fn choose(&self, found: impl Iterator<Item = SocketAddr>) -> Result<Vec<SocketAddr>, AddressError> {
        let (mut chosen, mut refused) = (Vec::new(), None);
        for address in found {
            let ip = address.ip();
            if is_allowed(ip, &self.allowed) || self.zone == Zone::Internet && is_public(ip) {
                chosen.push(address);
            } else {
                refused = Some(ip);
            }
        }
        match refused {
            Some(ip) if chosen.is_empty() && is_public(ip) => Err(AddressError::NotHttps),
            Some(ip) if chosen.is_empty() => Err(AddressError::NotPublic(ip)),
            Some(_) | None => Ok(chosen),
        }
    }

    /// What a target's name resolves to, if it may be called.
    ///
    /// # Errors
    ///
    /// [`AddressError`], or why the name does not resolve.
    async fn resolve(&self, host: &str) -> Result<Vec<SocketAddr>, Box<dyn std::error::Error + Send + Sync>> {
        let found = timeout(RESOLVE, tokio::net::lookup_host((host, 0))).await??;
        Ok(self.choose(found)?)
    }

    /// Whether a name resolves to nothing that may be called. One that does not resolve now may do so later.
    ///
    /// # Errors
    ///
    /// [`AddressError`].
    pub(super) async fn refuses(&self, url: &Url) -> Result<(), AddressError> {
        let (None, Some(host)) = (literal(url), url.host_str()) else { return Ok(()) };
        match self.resolve(host).await {
            Ok(_) => Ok(()),
            Err(error) => error.downcast::<AddressError>().map_or(Ok(()), |refused| Err(*refused)),
        }
    }
}

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        let here = Self { zone: self.zone, allowed: self.allowed.clone() };
        Box::pin(async move {
            let addresses: Addrs = Box::new(here.resolve(name.as_str()).await?.into_iter());
            Ok(addresses)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(url: &str) -> Result<Zone, AddressError> {
        check(url, &[]).map(|target| target.zone)
    }

    #[test]
    fn on_the_internet_only_https_on_usual_ports_is_called() {
        for good in [
            "https://hooks.example.com/a?b=c",
            "https://hooks.example.com:8443/",
            "https://8.8.8.8/",
            "https://[2606:4700::1111]/",
        ] {
            assert_eq!(checked(good), Ok(Zone::Internet), "{good}");
        }
        for bad in ["http://hooks.example.com/", "https://hooks.example.com:22/", "http://8.8.8.8/"] {
            assert_eq!(checked(bad), Err(AddressError::NotHttps), "{bad}");
        }
        for bad in [
            "hooks.example.com",
            "",
            "ftp://hooks.example.com/",
            "file:///etc/passwd",
            "https://user@hooks.example.com/",
            "https://:pass@hooks.example.com/",
            "https://hooks.example.com/#a",
            &format!("https://hooks.example.com/{}", "x".repeat(URL_MAX)),
        ] {
            assert!(matches!(checked(bad), Err(AddressError::Unusable(_))), "{bad}");
        }
    }

    #[test]
    fn no_way_of_writing_a_private_address_gets_by() {
        for bad in [
            "https://127.0.0.1/",
            "https://2130706433/",
            "https://0x7f.1/",
            "https://0177.0.0.1/",
            "https://127.1/",
            "https://0.0.0.0/",
            "https://10.1.2.3/",
            "https://100.64.0.1/",
            "https://169.254.169.254/latest/meta-data",
            "https://172.31.255.255/",
            "https://192.168.0.1/",
            "https://224.0.0.1/",
            "https://255.255.255.255/",
            "https://[::1]/",
            "https://[::]/",
            "https://[fe80::1]/",
            "https://[fd00::1]/",
            "https://[::ffff:127.0.0.1]/",
            "https://[64:ff9b::7f00:1]/",
            "https://[2002:7f00:1::]/",
            "https://[2001::1]/",
            "https://[ff02::1]/",
        ] {
            assert!(matches!(checked(bad), Err(AddressError::NotPublic(_))), "{bad}");
        }
    }

    #[test]
    fn an_allowed_network_may_be_called_in_any_way() {
        let allowed: Vec<IpNet> = vec!["10.0.0.0/8".parse().unwrap()];
        let zone = |url: &str| check(url, &allowed).map(|target| target.zone);
        assert_eq!(zone("http://10.1.2.3:8080/hook"), Ok(Zone::Allowed));
        assert_eq!(zone("http://[::ffff:10.1.2.3]/hook"), Ok(Zone::Allowed));
        assert_eq!(zone("https://10.1.2.3/hook"), Ok(Zone::Internet));
        assert_eq!(zone("http://subscriber:8080/"), Ok(Zone::Allowed), "judged by what it resolves to");
        assert!(zone("http://192.168.0.1/").is_err());
        assert!(zone("http://8.8.8.8/").is_err());
    }

    #[test]
    fn a_name_is_judged_by_what_it_resolves_to() {
        let resolver = |zone, allowed: &[&str]| Resolver {
            zone,
            allowed: allowed.iter().map(|net| net.parse().unwrap()).collect(),
        };
        let choose = |resolver: &Resolver, found: &[&str]| {
            let found: Vec<SocketAddr> = found.iter().map(|text| text.parse().unwrap()).collect();
            resolver.choose(found.into_iter()).map(|chosen| chosen.len())
        };
        let internet = resolver(Zone::Internet, &[]);
        assert_eq!(choose(&internet, &["8.8.8.8:0", "10.0.0.1:0"]), Ok(1), "only the public one");
        let private = AddressError::NotPublic("10.0.0.1".parse().unwrap());
        assert_eq!(choose(&internet, &["10.0.0.1:0"]), Err(private));
        let allowed = resolver(Zone::Allowed, &["10.0.0.0/8"]);
        assert_eq!(choose(&allowed, &["8.8.8.8:0", "10.0.0.1:0"]), Ok(1), "only the allowed one");
        assert_eq!(choose(&allowed, &["8.8.8.8:0"]), Err(AddressError::NotHttps));
    }
}
