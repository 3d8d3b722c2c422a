//! Where webhooks may be posted: on the open network only, unless the operator says otherwise. An
//! address given by a customer must not reach what only this machine can reach.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use reqwest::dns::{Addrs, Name, Resolve, Resolving};

/// Whether an address is on the open network.
pub(crate) fn is_public(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => is_public_v4(ip),
        IpAddr::V6(ip) => match ip.to_ipv4_mapped().or_else(|| embedded(ip)) {
            Some(inner) => is_public_v4(inner),
            None => is_public_v6(ip),
        },
    }
}

const fn is_public_v4(ip: Ipv4Addr) -> bool {
    let [a, b, c, _] = ip.octets();
    let is_shared = a == 100 && b >= 64 && b < 128;
    let is_protocol = a == 192 && b == 0 && c == 0;
    let is_benchmark = a == 198 && (b == 18 || b == 19);
    !(a == 0
        || a >= 240
        || is_shared
        || is_protocol
        || is_benchmark
        || ip.is_private()
        || ip.is_loopback()
        || ip.is_link_local()
        || ip.is_multicast()
        || ip.is_broadcast()
        || ip.is_documentation())
}

const fn is_public_v6(ip: Ipv6Addr) -> bool {
    // Only what is handed out to the open network, without its documentation range.
    let [first, second, ..] = ip.segments();
    first & 0xe000 == 0x2000 && !(first == 0x2001 && second == 0x0db8)
}

/// The IPv4 address within one of NAT64 or 6to4.
fn embedded(ip: Ipv6Addr) -> Option<Ipv4Addr> {
    let [a, b, c, d, e, f, g, h] = ip.segments();
    let of = |high: u16, low: u16| {
        let ([w, x], [y, z]) = (high.to_be_bytes(), low.to_be_bytes());
        Ipv4Addr::new(w, x, y, z)
    };
    match (a, b) {
        (0x64, 0xff9b) if [c, d, e, f] == [0; 4] => Some(of(g, h)),
        (0x2002, high) => Some(of(high, c)),
        _ => None,
    }
}

/// Why a URL is refused, before anything is looked up.
pub(crate) fn check(url: &str, allows_private: bool) -> Result<(), String> {
    let parsed = url::Url::parse(url).map_err(|e| format!("`{url}` is not a URL: {e}"))?;
    if !matches!(parsed.scheme(), "https" | "http") {
        return Err(format!("`{url}` is neither https nor http"));
    }
    if !parsed.username().is_empty() || parsed.password().is_some() {
        return Err(
            "a webhook's URL has no user or password; its signature is the proof".to_owned(),
        );
    }
    if allows_private {
        return Ok(());
    }
    let refused = match parsed.host() {
        None => true,
        Some(url::Host::Ipv4(ip)) => !is_public(IpAddr::V4(ip)),
        Some(url::Host::Ipv6(ip)) => !is_public(IpAddr::V6(ip)),
        Some(url::Host::Domain(name)) => name.eq_ignore_ascii_case("localhost"),
    };
    if refused {
        return Err(format!("`{url}` is not on the open network"));
    }
    Ok(())
}

/// Looks names up, and keeps only addresses on the open network. What it answers is what is
/// connected to, so that a name cannot change between check and use.
#[derive(Debug)]
pub(crate) struct PublicOnly;

impl Resolve for PublicOnly {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let public: Vec<SocketAddr> = found.filter(|a| is_public(a.ip())).collect();
            if public.is_empty() {
                let reason = format!("{} is not on the open network", name.as_str());
                return Err(reason.into());
            }
            let addresses: Addrs = Box::new(public.into_iter());
            Ok(addresses)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_only_this_machine_can_reach_is_refused() {
        for ip in [
            "127.0.0.1",
            "10.0.0.1",
            "172.16.3.4",
            "192.168.1.1",
            "169.254.169.254",
            "100.64.0.1",
            "0.0.0.0",
            "224.0.0.1",
            "255.255.255.255",
            "192.0.2.1",
            "198.18.0.1",
            "::1",
            "::",
            "fe80::1",
            "fc00::1",
            "ff02::1",
            "2001:db8::1",
            "::ffff:127.0.0.1",
            "64:ff9b::7f00:1",
            "2002:7f00:1::",
        ] {
            assert!(!is_public(ip.parse().unwrap()), "{ip}");
        }
        for ip in [
            "1.1.1.1",
            "93.184.216.34",
            "2606:4700::1111",
            "::ffff:1.1.1.1",
        ] {
            assert!(is_public(ip.parse().unwrap()), "{ip}");
        }
    }

    #[test]
    fn urls_are_refused_however_they_write_the_address() {
        for url in [
            "http://localhost/x",
            "http://127.1/",
            "http://2130706433/",
            "http://0x7f.1/",
            "http://[::1]:80/",
            "https://u:p@example.com/",
            "ftp://example.com/",
            "nonsense",
        ] {
            assert!(check(url, false).is_err(), "{url}");
        }
        assert_eq!(check("https://example.com/hooks?a=1", false), Ok(()));
        assert_eq!(check("http://127.0.0.1:9/", true), Ok(()));
    }
}
