//! Route 53: a hosted zone and the name servers that it is given. Source: Amazon Route 53 API Reference, GetHostedZone.

use std::collections::BTreeSet;

use super::reads::{self, Question, items, segment, text};
use super::{CallError, Cause, Session};

/// A hosted zone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostedZone {
    /// The domain, without the last dot.
    pub name: String,
    /// Only VPCs resolve it.
    pub is_private: bool,
    /// Those that the parent zone has to name, in lower case without the last dot; none for a private zone.
    pub name_servers: BTreeSet<String>,
}

/// A hosted zone of the session's account by its id; none where the account has no such zone.
///
/// # Errors
/// Whatever a call can end in.
pub async fn hosted_zone(session: &Session, id: &str) -> Result<Option<HostedZone>, CallError> {
    const OPERATION: &str = "GetHostedZone";
    let path = format!("/2013-04-01/hostedzone/{}", segment(id));
    let answer = match reads::answer(session, &Question::get("route53", "GetHostedZone", id, path)).await {
        Ok(answer) => answer.body,
        Err(error) if error.code() == Some("NoSuchHostedZone") => return Ok(None),
        Err(error) => return Err(error),
    };
    let plain = |name: &str| name.trim_end_matches('.').to_ascii_lowercase();
    let name = text(&answer, "HostedZone.Name").ok_or_else(|| {
        CallError::because(&session.place, OPERATION, id, Cause::Missing { field: "HostedZone.Name" })
    })?;
    let servers = items(std::slice::from_ref(&answer), "DelegationSet.NameServers.NameServer");
    Ok(Some(HostedZone {
        name: plain(&name),
        is_private: text(&answer, "HostedZone.Config.PrivateZone").is_some_and(|reported| reported == "true"),
        name_servers: servers.iter().filter_map(|server| server.as_str().map(plain)).collect(),
    }))
}
