//! Which addresses are not ordinary ones of the Internet.
//!
//! A server that a guest may reach by name must not become a way to the machine itself, its neighbours or the service
//! that hands out its credentials. So an address is ordinary only if it is not in the table below, and for IPv6 only
//! in the part that is handed out at all.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

/// Addresses that begin with the same bits, such as `10.0.0.0/8`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Range {
    first: IpAddr,
    bits: u8,
}

impl Range {
    /// Whether an address is in it. One of IPv4 in the clothes of IPv6 is what it is.
    #[must_use]
    pub fn contains(self, address: IpAddr) -> bool {
        let part = |first: u128, address: u128, of: u8| {
            // A shift by all bits is no shift to the processor.
            let unlike = (first ^ address).checked_shr(u32::from(of.saturating_sub(self.bits)));
            unlike.unwrap_or(0) == 0
        };
        match (self.first, address.to_canonical()) {
            (IpAddr::V4(first), IpAddr::V4(address)) => {
                part(first.to_bits().into(), address.to_bits().into(), 32)
            }
            (IpAddr::V6(first), IpAddr::V6(address)) => {
                part(first.to_bits(), address.to_bits(), 128)
            }
            _ => false,
        }
    }
}

impl FromStr for Range {
    type Err = String;

    /// Reads `10.0.0.0/8`, or one address.
    fn from_str(text: &str) -> Result<Self, String> {
        let (address, bits) = match text.split_once('/') {
            Some((address, bits)) => (address, Some(bits)),
            None => (text, None),
        };
        let malformed = || "expected a range of addresses such as `10.0.0.0/8`".to_owned();
        let first: IpAddr = address.parse().map_err(|_| malformed())?;
        let all = if first.is_ipv4() { 32 } else { 128 };
        let bits = match bits {
            Some(bits) => bits.parse().ok().filter(|bits| *bits <= all),
            None => Some(all),
        };
        let range = Self {
            first,
            bits: bits.ok_or_else(malformed)?,
        };
        if first.to_canonical() != first {
            return Err("write an address of IPv4 as one of IPv4".to_owned());
        }
        let rest = match first {
            IpAddr::V4(first) => u128::from(first.to_bits()) << 96,
            IpAddr::V6(first) => first.to_bits(),
        };
        if rest.checked_shl(range.bits.into()).unwrap_or(0) != 0 {
            return Err(format!("bits are set after the first {}", range.bits));
        }
        Ok(range)
    }
}

impl fmt::Display for Range {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.first, self.bits)
    }
}

const fn v4(first: [u8; 4], bits: u8, what: &'static str) -> (Range, &'static str) {
    let [a, b, c, d] = first;
    let first = IpAddr::V4(Ipv4Addr::new(a, b, c, d));
    (Range { first, bits }, what)
}

const fn v6(first: [u16; 8], bits: u8, what: &'static str) -> (Range, &'static str) {
    let first = IpAddr::V6(Ipv6Addr::from_segments(first));
    (Range { first, bits }, what)
}

/// The narrowest range of those that hold an address stands first.
const SPECIAL: [(Range, &str); 40] = [
    v4([169, 254, 169, 254], 32, "metadata of a cloud"),
    v4([100, 100, 100, 200], 32, "metadata of a cloud"),
    v4([168, 63, 129, 16], 32, "metadata of a cloud"),
    v4([192, 0, 0, 192], 32, "metadata of a cloud"),
    v4([0, 0, 0, 0], 8, "this network"),
    v4([10, 0, 0, 0], 8, "private"),
    v4([100, 64, 0, 0], 10, "shared by a provider"),
    v4([127, 0, 0, 0], 8, "this machine"),
    v4([169, 254, 0, 0], 16, "link-local"),
    v4([172, 16, 0, 0], 12, "private"),
    v4([192, 0, 0, 0], 24, "for protocols"),
    v4([192, 0, 2, 0], 24, "for documentation"),
    v4([192, 31, 196, 0], 24, "for protocols"),
    v4([192, 52, 193, 0], 24, "for protocols"),
    v4([192, 88, 99, 0], 24, "a relay between versions of IP"),
    v4([192, 168, 0, 0], 16, "private"),
    v4([192, 175, 48, 0], 24, "for protocols"),
    v4([198, 18, 0, 0], 15, "for benchmarks"),
    v4([198, 51, 100, 0], 24, "for documentation"),
    v4([203, 0, 113, 0], 24, "for documentation"),
    v4([224, 0, 0, 0], 4, "multicast"),
    v4([240, 0, 0, 0], 4, "reserved"),
    v6([0, 0, 0, 0, 0, 0, 0, 0], 128, "no address"),
    v6([0, 0, 0, 0, 0, 0, 0, 1], 128, "this machine"),
    v6([0, 0, 0, 0, 0, 0, 0, 0], 96, "IPv4 in IPv6"),
    v6([0, 0, 0, 0, 0, 0xffff, 0, 0], 96, "IPv4 in IPv6"),
    v6([0, 0, 0, 0, 0xffff, 0, 0, 0], 96, "IPv4 in IPv6"),
    v6([0x64, 0xff9b, 0, 0, 0, 0, 0, 0], 96, "IPv4 in IPv6"),
    v6([0x64, 0xff9b, 1, 0, 0, 0, 0, 0], 48, "IPv4 in IPv6"),
    v6([0x2001, 0, 0, 0, 0, 0, 0, 0], 32, "IPv4 in IPv6"),
    v6([0x2002, 0, 0, 0, 0, 0, 0, 0], 16, "IPv4 in IPv6"),
    v6([0x2001, 0, 0, 0, 0, 0, 0, 0], 23, "for protocols"),
    v6([0x2001, 0xdb8, 0, 0, 0, 0, 0, 0], 32, "for documentation"),
    v6([0x3fff, 0, 0, 0, 0, 0, 0, 0], 20, "for documentation"),
    v6([0x2620, 0x4f, 0x8000, 0, 0, 0, 0, 0], 48, "for protocols"),
    v6(
        [0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254],
        128,
        "metadata of a cloud",
    ),
    v6([0xfc00, 0, 0, 0, 0, 0, 0, 0], 7, "private"),
    v6([0xfe80, 0, 0, 0, 0, 0, 0, 0], 10, "link-local"),
    v6([0xfec0, 0, 0, 0, 0, 0, 0, 0], 10, "private"),
    v6([0xff00, 0, 0, 0, 0, 0, 0, 0], 8, "multicast"),
];

/// Of IPv6, only these are handed out to hosts on the Internet.
const UNICAST: Range = v6([0x2000, 0, 0, 0, 0, 0, 0, 0], 3, "").0;

/// What is special about an address, if something is.
///
/// Whatever carries an address of IPv4 within one of IPv6 is special whichever it carries, since who unwraps it is
/// another machine. Only the form `::ffff:a.b.c.d` is the address of IPv4 itself, to this machine as well.
#[must_use]
pub fn special(address: IpAddr) -> Option<&'static str> {
    let address = address.to_canonical();
    let found = SPECIAL.iter().find(|(range, _)| range.contains(address));
    match found {
        Some((_, what)) => Some(what),
        None if address.is_ipv6() && !UNICAST.contains(address) => Some("reserved"),
        None => None,
    }
}
