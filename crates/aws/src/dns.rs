//! The name servers of a zone as DNS has them: one question to a resolver, over UDP, and over TCP where the answer is cut.
//!
//! AWS has no call for it: the delegation of a zone is a record of its parent zone, wherever that is.
//! Source: `resolv.conf(5)`.

use std::collections::BTreeSet;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::Path;
use std::time::Duration;

use simple_dns::rdata::RData;
use simple_dns::{CLASS, Name, Packet, PacketFlag, Question, RCODE, TYPE, header_buffer};
use tenantry_base::files;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket};

/// How long one resolver has for one answer.
const TIMEOUT: Duration = Duration::from_secs(3);
/// How often each resolver is asked: datagrams get lost.
const ATTEMPTS: usize = 2;
/// The most resolvers that are asked. Source: `resolv.conf(5)`, MAXNS.
const MOST_RESOLVERS: usize = 3;

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
    if let Ok(given) = std::env::var("TENANTRY_RESOLVER") {
        let given = given.trim();
        let address = given.parse().or_else(|_| given.parse().map(|host: IpAddr| SocketAddr::new(host, 53)));
        return address.map(|address| vec![address]).map_err(|_| DnsError::Resolver(given.to_owned()));
    }
    Ok(listed(&files::read_to_string(Path::new("/etc/resolv.conf")).unwrap_or_default()))
}

/// The resolvers of a `resolv.conf`; without one it is this machine. Those with a zone of their own (`fe80::1%eth0`) are left out.
fn listed(text: &str) -> Vec<SocketAddr> {
    let reported = text.lines().filter_map(|line| line.trim().strip_prefix("nameserver"));
    let mut found: Vec<SocketAddr> =
        reported.filter_map(|host| host.trim().parse().ok()).map(|host| SocketAddr::new(host, 53)).collect();
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
        Some(Answer::Truncated) => timely(over_tcp(resolver, question)).await.map_err(unreachable)?,
        _ => answer,
    };
    match read(&answer, question) {
        Some(Answer::Servers(servers)) => Ok(servers),
        Some(Answer::Refused(code)) => Err(DnsError::Refused { resolver, code }),
        Some(Answer::Truncated) | None => Err(DnsError::Answer { resolver }),
    }
}

async fn timely<T>(asking: impl Future<Output = io::Result<T>>) -> io::Result<T> {
    tokio::time::timeout(TIMEOUT, asking).await.unwrap_or_else(|_| Err(io::Error::from(io::ErrorKind::TimedOut)))
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
    let name = Name::new(zone).ok().filter(|_| !zone.split('.').any(str::is_empty))?;
    // The identifier that tells an answer from one to another question; the socket's port differs each time.
    let mut packet = Packet::new_query(u16::try_from(std::process::id() % 65_536).unwrap_or_default());
    packet.set_flags(PacketFlag::RECURSION_DESIRED);
    packet.questions.push(Question::new(name, TYPE::NS.into(), CLASS::IN.into(), false));
    packet.build_bytes_vec().ok()
}

/// The content of an answer.
#[derive(Debug, PartialEq, Eq)]
enum Answer {
    Servers(BTreeSet<String>),
    /// It is longer than a datagram holds.
    Truncated,
    Refused(&'static str),
}

/// Reads the answer to a question. None: it is not one.
fn read(answer: &[u8], question: &[u8]) -> Option<Answer> {
    let is_answer = header_buffer::has_flags(answer, PacketFlag::RESPONSE).ok()?;
    if !is_answer || header_buffer::id(answer).ok()? != header_buffer::id(question).ok()? {
        return None;
    }
    // Where it is truncated, the last record may be half of one.
    if header_buffer::has_flags(answer, PacketFlag::TRUNCATION).ok()? {
        return Some(Answer::Truncated);
    }
    let packet = Packet::parse(answer).ok()?;
    match packet.rcode() {
        // A name that does not exist has no zone.
        RCODE::NoError | RCODE::NameError => {}
        RCODE::FormatError => return Some(Answer::Refused("FORMERR")),
        RCODE::ServerFailure => return Some(Answer::Refused("SERVFAIL")),
        RCODE::NotImplemented => return Some(Answer::Refused("NOTIMP")),
        RCODE::Refused => return Some(Answer::Refused("REFUSED")),
        _ => return Some(Answer::Refused("an error of DNS")),
    }
    let servers = packet.answers.iter().filter_map(|record| match &record.rdata {
        RData::NS(server) if record.class == CLASS::IN => Some(server.0.to_string().to_ascii_lowercase()),
        _ => None,
    });
    Some(Answer::Servers(servers.collect()))
}

#[cfg(test)]
mod tests {
    use simple_dns::{ResourceRecord, rdata};

    use super::*;

    /// An answer of name servers to a question, names compressed.
    fn answer(question: &[u8], flags: u16, servers: &[&str]) -> Vec<u8> {
        let mut packet = Packet::parse(question).unwrap();
        let zone = packet.questions[0].qname.clone();
        for server in servers {
            let server = RData::NS(rdata::NS(Name::new(server).unwrap()));
            packet.answers.push(ResourceRecord::new(zone.clone(), CLASS::IN, 300, server));
        }
        let mut message = packet.build_bytes_vec_compressed().unwrap();
        message[2..4].copy_from_slice(&flags.to_be_bytes());
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
        check(0x8180, &two, Some(Answer::Servers(known)));
        check(0x8180, &[], Some(Answer::Servers(BTreeSet::new())));
        check(0x8183, &[], Some(Answer::Servers(BTreeSet::new())));
        check(0x8182, &[], Some(Answer::Refused("SERVFAIL")));
        check(0x8185, &[], Some(Answer::Refused("REFUSED")));
        check(0x8380, &[], Some(Answer::Truncated));
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
