//! The name servers of a zone as DNS has them: one question to a resolver, over UDP, and over TCP where the answer is cut.
//!
//! AWS has no call for it: the delegation of a zone is a record of its parent zone, wherever that is.
//! Sources: RFC 1035, section 4 (messages, and how long they may be); `resolv.conf(5)`.

use std::collections::BTreeSet;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::Path;
use std::time::Duration;

use tenantry_base::files;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket};

/// How long one resolver has for one answer.
const PATIENCE: Duration = Duration::from_secs(3);
/// How often each resolver is asked: datagrams get lost.
const ATTEMPTS: usize = 2;
/// The most resolvers that are asked. Source: `resolv.conf(5)`, MAXNS.
const MOST_RESOLVERS: usize = 3;
/// The longest name. Source: RFC 1035, section 2.3.4.
const LONGEST_NAME: usize = 253;
/// The most pointers that a compressed name is followed through: a hostile answer may point in a circle.
const MOST_POINTERS: usize = 32;
const NS: u16 = 2;
const INTERNET: u16 = 1;
const HEADER: usize = 12;

/// Why the name servers of a zone are unknown.
#[derive(Debug, thiserror::Error)]
pub enum DnsError {
    #[error("`{0}` is not a domain name")]
    Name(String),
    #[error("`TENANTRY_RESOLVER` is `{0}`, expected an address such as 192.0.2.1 or 192.0.2.1:53")]
    Resolver(String),
    #[error("cannot ask the resolver {resolver}")]
    Unreachable { resolver: SocketAddr, source: io::Error },
    #[error("the resolver {resolver} answers {code}")]
    Refused { resolver: SocketAddr, code: &'static str },
    #[error("the answer of the resolver {resolver} is not one of DNS")]
    Answer { resolver: SocketAddr },
}

/// The name servers to which a zone is delegated, in lower case without the last dot; none where DNS knows no such zone.
///
/// Asked is the resolver of `TENANTRY_RESOLVER` (an address, with or without a port), else those of `/etc/resolv.conf`.
///
/// # Errors
/// No resolver answers, or each refuses: `SERVFAIL` is also what resolvers say of a zone whose servers do not answer.
pub async fn name_servers(zone: &str) -> Result<BTreeSet<String>, DnsError> {
    let asked = question(zone).ok_or_else(|| DnsError::Name(zone.to_owned()))?;
    let mut last = DnsError::Name(zone.to_owned());
    let resolvers = resolvers()?;
    for resolver in resolvers.iter().cycle().take(resolvers.len() * ATTEMPTS) {
        match ask(*resolver, &asked).await {
            Ok(servers) => return Ok(servers),
            Err(error) => last = error,
        }
    }
    Err(last)
}

/// The resolvers that this machine asks.
fn resolvers() -> Result<Vec<SocketAddr>, DnsError> {
    if let Ok(told) = std::env::var("TENANTRY_RESOLVER") {
        let told = told.trim();
        let address = told.parse().or_else(|_| told.parse().map(|host: IpAddr| SocketAddr::new(host, 53)));
        return address.map(|address| vec![address]).map_err(|_| DnsError::Resolver(told.to_owned()));
    }
    Ok(listed(&files::read_to_string(Path::new("/etc/resolv.conf")).unwrap_or_default()))
}

/// The resolvers of a `resolv.conf`; without one it is this machine. Those with a zone of their own (`fe80::1%eth0`) are left out.
fn listed(text: &str) -> Vec<SocketAddr> {
    let told = text.lines().filter_map(|line| line.trim().strip_prefix("nameserver"));
    let mut found: Vec<SocketAddr> =
        told.filter_map(|host| host.trim().parse().ok()).map(|host| SocketAddr::new(host, 53)).collect();
    found.truncate(MOST_RESOLVERS);
    if found.is_empty() {
        found.push(SocketAddr::from((Ipv4Addr::LOCALHOST, 53)));
    }
    found
}

async fn ask(resolver: SocketAddr, question: &[u8]) -> Result<BTreeSet<String>, DnsError> {
    let unreachable = |source| DnsError::Unreachable { resolver, source };
    let answer = timely(over_udp(resolver, question)).await.map_err(unreachable)?;
    let answer = match read(&answer, question) {
        Some(Told::Cut) => timely(over_tcp(resolver, question)).await.map_err(unreachable)?,
        _ => answer,
    };
    match read(&answer, question) {
        Some(Told::Servers(servers)) => Ok(servers),
        Some(Told::Refused(code)) => Err(DnsError::Refused { resolver, code }),
        Some(Told::Cut) | None => Err(DnsError::Answer { resolver }),
    }
}

async fn timely<T>(asking: impl Future<Output = io::Result<T>>) -> io::Result<T> {
    tokio::time::timeout(PATIENCE, asking).await.unwrap_or_else(|_| Err(io::Error::from(io::ErrorKind::TimedOut)))
}

async fn over_udp(resolver: SocketAddr, question: &[u8]) -> io::Result<Vec<u8>> {
    let any: SocketAddr = match resolver {
        SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
        SocketAddr::V6(_) => (std::net::Ipv6Addr::UNSPECIFIED, 0).into(),
    };
    let socket = UdpSocket::bind(any).await?;
    socket.connect(resolver).await?;
    socket.send(question).await?;
    let mut answer = vec![0; 4096];
    let length = socket.recv(&mut answer).await?;
    answer.truncate(length);
    Ok(answer)
}

async fn over_tcp(resolver: SocketAddr, question: &[u8]) -> io::Result<Vec<u8>> {
    let mut stream = TcpStream::connect(resolver).await?;
    let length = u16::try_from(question.len()).map_err(io::Error::other)?;
    stream.write_all(&[&length.to_be_bytes(), question].concat()).await?;
    let length = stream.read_u16().await?;
    let mut answer = vec![0; usize::from(length)];
    stream.read_exact(&mut answer).await?;
    Ok(answer)
}

/// The message that asks for the name servers of a zone. None: it is not a domain name.
fn question(zone: &str) -> Option<Vec<u8>> {
    let zone = zone.trim_end_matches('.');
    if zone.is_empty() || zone.len() > LONGEST_NAME {
        return None;
    }
    // The identifier that tells an answer from one to another question; the socket's port differs each time.
    let id = u16::try_from(std::process::id() % 65_536).unwrap_or_default();
    let mut message = Vec::new();
    // One question; the resolver is asked to find the answer (recursion desired).
    [id, 0x0100, 1, 0, 0, 0].iter().for_each(|field| message.extend(field.to_be_bytes()));
    for label in zone.split('.') {
        let length = u8::try_from(label.len()).ok().filter(|length| (1..64).contains(length))?;
        message.push(length);
        message.extend(label.bytes());
    }
    message.push(0);
    [NS, INTERNET].iter().for_each(|field| message.extend(field.to_be_bytes()));
    Some(message)
}

/// What an answer tells.
#[derive(Debug, PartialEq, Eq)]
enum Told {
    Servers(BTreeSet<String>),
    /// It is longer than a datagram holds.
    Cut,
    Refused(&'static str),
}

/// Reads the answer to a question. None: it is not one.
fn read(answer: &[u8], question: &[u8]) -> Option<Told> {
    let flags = number(answer, 2)?;
    if answer.get(..2) != question.get(..2) || flags & 0x8000 == 0 {
        return None;
    }
    if flags & 0x0200 != 0 {
        return Some(Told::Cut);
    }
    match flags & 0x000f {
        // The name does not exist (3), so no zone of it does.
        0 | 3 => {}
        1 => return Some(Told::Refused("FORMERR")),
        2 => return Some(Told::Refused("SERVFAIL")),
        4 => return Some(Told::Refused("NOTIMP")),
        5 => return Some(Told::Refused("REFUSED")),
        _ => return Some(Told::Refused("an error of DNS")),
    }
    let (questions, answers) = (number(answer, 4)?, number(answer, 6)?);
    let mut at = HEADER;
    for _ in 0..questions {
        at = name(answer, at)?.1 + 4;
    }
    let mut servers = BTreeSet::new();
    for _ in 0..answers {
        let data = name(answer, at)?.1 + 10;
        let (kind, class) = (number(answer, data - 10)?, number(answer, data - 8)?);
        if (kind, class) == (NS, INTERNET) {
            servers.insert(name(answer, data)?.0.to_ascii_lowercase());
        }
        at = data + usize::from(number(answer, data - 2)?);
    }
    Some(Told::Servers(servers))
}

fn number(message: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes([*message.get(at)?, *message.get(at + 1)?]))
}

/// The name that begins somewhere in a message, and where what follows it begins.
fn name(message: &[u8], mut at: usize) -> Option<(String, usize)> {
    let (mut labels, mut after, mut pointers) = (Vec::new(), None, 0);
    loop {
        let length = usize::from(*message.get(at)?);
        if length & 0xc0 == 0xc0 {
            after = after.or(Some(at + 2));
            pointers += 1;
            if pointers > MOST_POINTERS {
                return None;
            }
            at = usize::from(number(message, at)? & 0x3fff);
            continue;
        }
        if length == 0 {
            return Some((labels.join("."), after.unwrap_or(at + 1)));
        }
        labels.push(String::from_utf8_lossy(message.get(at + 1..at + 1 + length)?).into_owned());
        at += 1 + length;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An answer of name servers to a question: the first name in full, others that point to its end.
    fn answer(question: &[u8], flags: u16, servers: &[&str]) -> Vec<u8> {
        let mut message = question.to_vec();
        message[2..4].copy_from_slice(&flags.to_be_bytes());
        message[6..8].copy_from_slice(&u16::try_from(servers.len()).unwrap().to_be_bytes());
        let mut parent = None;
        for server in servers {
            // The zone is named by a pointer to the question.
            [0xc00c, NS, INTERNET, 0, 300].iter().for_each(|field| message.extend(field.to_be_bytes()));
            let (host, rest) = server.split_once('.').unwrap();
            let data = message.len() + 2;
            let mut name = vec![u8::try_from(host.len()).unwrap()];
            name.extend(host.bytes());
            if let Some(parent) = parent {
                name.extend(u16::to_be_bytes(0xc000 | parent));
            } else {
                parent = Some(u16::try_from(data + name.len()).unwrap());
                for label in rest.split('.') {
                    name.push(u8::try_from(label.len()).unwrap());
                    name.extend(label.bytes());
                }
                name.push(0);
            }
            message.extend(u16::try_from(name.len()).unwrap().to_be_bytes());
            message.extend(name);
        }
        message
    }

    #[test]
    fn an_answer_tells_the_servers_the_absence_or_that_nobody_knows() {
        let asked = question("one.example.com").unwrap();
        let check = |flags, servers: &[&str], expected| {
            assert_eq!(read(&answer(&asked, flags, servers), &asked), expected, "{flags:x}");
        };
        let two = ["ns-1.AWSDNS.example", "ns-2.awsdns.example"];
        let known = BTreeSet::from(two.map(str::to_ascii_lowercase));
        check(0x8180, &two, Some(Told::Servers(known)));
        check(0x8180, &[], Some(Told::Servers(BTreeSet::new())));
        check(0x8183, &[], Some(Told::Servers(BTreeSet::new())));
        check(0x8182, &[], Some(Told::Refused("SERVFAIL")));
        check(0x8185, &[], Some(Told::Refused("REFUSED")));
        check(0x8380, &[], Some(Told::Cut));
        // A question is not an answer, nor is the answer to another one.
        check(0x0100, &[], None);
        let mut other = answer(&asked, 0x8180, &[]);
        other[0] ^= 1;
        assert_eq!(read(&other, &asked), None);
    }

    #[test]
    fn what_is_cut_off_or_points_in_a_circle_is_no_answer() {
        let asked = question("one.example.com").unwrap();
        let whole = answer(&asked, 0x8180, &["ns-1.awsdns.example"]);
        for length in 0..whole.len() {
            assert_eq!(read(&whole[..length], &asked), None, "{length}");
        }
        let mut circle = whole.clone();
        let at = asked.len();
        circle[at..at + 2].copy_from_slice(&u16::to_be_bytes(0xc000 | u16::try_from(at).unwrap()));
        assert_eq!(read(&circle, &asked), None);
    }

    #[test]
    fn resolvers_are_those_of_resolv_conf() {
        let check = |text: &str, expected: &[&str]| {
            let found: Vec<String> = listed(text).iter().map(SocketAddr::to_string).collect();
            assert_eq!(found, expected, "{text}");
        };
        let own = SocketAddr::from((Ipv4Addr::LOCALHOST, 53)).to_string();
        check("# none\nsearch example.com\n", &[own.as_str()]);
        check("nameserver 192.0.2.1\nnameserver 2001:db8::1\n", &["192.0.2.1:53", "[2001:db8::1]:53"]);
        check("nameserver fe80::1%eth0\nnameserver 192.0.2.1\n", &["192.0.2.1:53"]);
        assert_eq!(listed(&"nameserver 192.0.2.1\n".repeat(9)).len(), MOST_RESOLVERS);
    }

    #[test]
    fn a_name_that_no_zone_has_is_not_asked() {
        for name in ["", ".", "a..b", &"a".repeat(64), &["a"; 200].join(".")] {
            assert_eq!(question(name), None, "{name}");
        }
        assert!(question("one.example.com.").is_some());
    }
}
