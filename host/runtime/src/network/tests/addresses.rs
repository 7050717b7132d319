//! Which addresses are special.

use std::net::IpAddr;

use crate::network::{Range, special};

#[test]
fn every_special_range_is_known_from_its_first_to_its_last_address() {
    let ranges = "0.0.0.0/8 10.0.0.0/8 100.64.0.0/10 127.0.0.0/8 169.254.0.0/16 172.16.0.0/12 192.0.0.0/24 \
                  192.168.0.0/16 198.18.0.0/15 224.0.0.0/4 240.0.0.0/4 ::/128 ::1/128 ::/96 64:ff9b::/96 \
                  64:ff9b:1::/48 2002::/16 2001::/32 fc00::/7 fe80::/10 fec0::/10 ff00::/8 2001:db8::/32 100::/64 \
                  168.63.129.16/32 100.100.100.200/32 192.0.0.192/32 169.254.169.254/32 fd00:ec2::254/128";
    for range in ranges.split_whitespace() {
        let (first, bits) = range.split_once('/').unwrap();
        let first: IpAddr = first.parse().unwrap();
        let bits: u32 = bits.parse().unwrap();
        let last: IpAddr = match first {
            IpAddr::V4(first) => {
                IpAddr::from((first.to_bits() | (u64::from(u32::MAX) >> bits) as u32).to_be_bytes())
            }
            IpAddr::V6(first) => {
                let rest = u128::MAX.checked_shr(bits).unwrap_or(0);
                IpAddr::from((first.to_bits() | rest).to_be_bytes())
            }
        };
        for address in [first, last] {
            assert!(special(address).is_some(), "{address} of {range}");
        }
        assert!(range.parse::<Range>().unwrap().contains(last), "{range}");
    }
}

#[test]
fn an_address_of_ipv4_in_one_of_ipv6_is_special_or_what_it_is() {
    for address in [
        "::ffff:127.0.0.1",
        "::ffff:10.1.2.3",
        "::127.0.0.1",
        "64:ff9b::7f00:1",
        "2002:7f00:1::",
    ] {
        assert!(special(address.parse().unwrap()).is_some(), "{address}");
    }
    assert_eq!(special("::ffff:8.8.8.8".parse().unwrap()), None);
    let private: Range = "10.0.0.0/8".parse().unwrap();
    assert!(private.contains("::ffff:10.1.2.3".parse().unwrap()));
    // Whoever unwraps this is another machine, so that declaring the inner range says nothing about it.
    assert!(!private.contains("64:ff9b::a01:203".parse().unwrap()));
}

#[test]
fn ordinary_addresses_are_not_special() {
    for address in [
        "1.1.1.1",
        "8.8.8.8",
        "9.255.255.255",
        "11.0.0.0",
        "100.63.255.255",
        "100.128.0.0",
        "172.15.255.255",
        "172.32.0.0",
        "192.0.1.0",
        "198.20.0.0",
        "223.255.255.255",
        "2606:4700:4700::1111",
        "2a00:1450::1",
    ] {
        assert_eq!(special(address.parse().unwrap()), None, "{address}");
    }
}

#[test]
fn ranges_are_read_strictly() {
    for text in [
        "",
        "10.0.0.0/33",
        "10.0.0.1/8",
        "::/129",
        "fc00::1/7",
        "10.0.0/8",
        "::ffff:10.0.0.0/104",
        "x/8",
        "1.1.1.1/",
    ] {
        assert!(text.parse::<Range>().is_err(), "{text}");
    }
    for text in ["10.0.0.0/8", "0.0.0.0/0", "::/0", "::1/128", "10.1.2.3/32"] {
        assert_eq!(text.parse::<Range>().unwrap().to_string(), text);
    }
    let all: Range = "0.0.0.0/0".parse().unwrap();
    assert!(
        all.contains("255.255.255.255".parse().unwrap()) && !all.contains("::2".parse().unwrap())
    );
}
