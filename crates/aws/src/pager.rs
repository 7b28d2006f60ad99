//! A paging service with PagerDuty's REST API: which pages arrived, who acknowledged them, who is on call. Read only.
//!
//! Sources: PagerDuty Developer Documentation, "List incidents", "List all of the on-calls", "REST API v2 Overview" (pagination,
//! authentication).

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use url::Url;

use crate::cloud::secrets::Secret;
use crate::http;

/// Most rows of an answer. Source: "REST API v2 Overview", pagination.
const AT_ONCE: usize = 100;
/// The most pages of one question: more of them are an error, never a part of an answer.
const MOST_PAGES: usize = 100;

/// Why the paging service did not tell.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PagerError {
    #[error("cannot ask {host}: {why}")]
    Unreachable { host: String, why: String },
    #[error("{host} does not accept the token (HTTP {status})")]
    Token { host: String, status: u16 },
    #[error("{host} answers HTTP {status}")]
    Status { host: String, status: u16 },
    #[error("the answer of {host} cannot be read: {why}")]
    Answer { host: String, why: String },
}

/// The service's API and the token for it.
#[derive(Debug, Clone)]
pub struct Pager {
    base: Url,
    token: Secret,
}

/// An incident.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Incident {
    pub id: String,
    /// `triggered`, `acknowledged`, `resolved`.
    pub status: String,
    pub urgency: String,
    pub created_at: Timestamp,
    #[serde(default)]
    pub html_url: String,
    #[serde(default)]
    pub acknowledgements: Vec<Acknowledgement>,
    #[serde(default)]
    pub assignments: Vec<Assignment>,
    #[serde(default)]
    pub escalation_policy: Option<Named>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Acknowledgement {
    pub at: Timestamp,
    pub acknowledger: Named,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Assignment {
    pub assignee: Named,
}

/// A reference to something, as the service shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Named {
    /// ID in the paging service.
    #[serde(default)]
    pub id: String,
    /// Display name.
    #[serde(default)]
    pub summary: String,
}

/// Who is on call now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct OnCall {
    /// The on-call engineer.
    pub user: Named,
    /// Null if the policy names a person.
    pub schedule: Option<Named>,
    /// The escalation policy that pages the engineer.
    pub escalation_policy: Named,
    /// Level of the policy, from 1, which is paged first.
    pub escalation_level: u32,
    /// End of the on-call shift; null if the policy names a person, who is always on call.
    #[schemars(with = "Option<tenantry_base::schema::Instant>")]
    pub end: Option<Timestamp>,
}

impl Pager {
    /// # Errors
    /// A base that is not a URL.
    pub fn new(base: &str, token: Secret) -> Result<Self, PagerError> {
        let unusable =
            |error: url::ParseError| PagerError::Unreachable { host: base.to_owned(), why: error.to_string() };
        Ok(Self { base: Url::parse(base).map_err(unusable)?, token })
    }

    /// Incidents of a deduplication key that began at a time or later.
    ///
    /// # Errors
    /// The service is out of reach, refuses the token, or answers something else.
    pub async fn incidents(&self, key: &str, since: Timestamp) -> Result<Vec<Incident>, PagerError> {
        let since = since.strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
        self.all("incidents", &[("incident_key", key), ("since", &since)]).await
    }

    /// Who is on call now for an escalation policy, the first to be paged first.
    ///
    /// # Errors
    /// As [`Self::incidents`].
    pub async fn on_call(&self, policy: &str) -> Result<Vec<OnCall>, PagerError> {
        let query = [("escalation_policy_ids[]", policy), ("earliest", "true")];
        let mut found: Vec<OnCall> = self.all("oncalls", &query).await?;
        found.sort_by(|a, b| (a.escalation_level, &a.user.summary).cmp(&(b.escalation_level, &b.user.summary)));
        Ok(found)
    }

    /// Every row of a list.
    async fn all<T: serde::de::DeserializeOwned>(
        &self,
        list: &str,
        query: &[(&str, &str)],
    ) -> Result<Vec<T>, PagerError> {
        let host = self.base.authority().to_owned();
        let unreadable = |why: String| PagerError::Answer { host: host.clone(), why };
        let mut rows = Vec::new();
        for page in 0..MOST_PAGES {
            let mut url = self.base.clone();
            url.path_segments_mut().map_err(|()| unreadable("the URL takes no path".to_owned()))?.push(list);
            let (offset, limit) = ((page * AT_ONCE).to_string(), AT_ONCE.to_string());
            url.query_pairs_mut().extend_pairs(query).append_pair("limit", &limit).append_pair("offset", &offset);
            let headers = vec![
                ("accept", "application/json".to_owned()),
                ("authorization", format!("Token token={}", self.token.expose())),
            ];
            let answer = http::get(&url, headers).await;
            let answer = answer.map_err(|why| PagerError::Unreachable { host: host.clone(), why })?;
            match answer.status {
                200 => {}
                status @ (401 | 403) => return Err(PagerError::Token { host, status }),
                status => return Err(PagerError::Status { host, status }),
            }
            let body: serde_json::Value =
                serde_json::from_slice(&answer.body).map_err(|error| unreadable(error.to_string()))?;
            let some = serde_json::from_value::<Vec<T>>(body[list].clone());
            rows.extend(some.map_err(|error| unreadable(error.to_string()))?);
            if body["more"] != true {
                return Ok(rows);
            }
        }
        Err(unreadable(format!("it has more than {} rows", MOST_PAGES * AT_ONCE)))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use wiremock::matchers::{header, path, query_param};
    use wiremock::{Mock, MockServer, ResponseTemplate};

    use super::*;

    fn incident(id: &str) -> serde_json::Value {
        json!({ "id": id, "status": "triggered", "urgency": "high", "created_at": "2026-11-30T04:00:00Z" })
    }

    #[tokio::test]
    async fn incidents_are_read_over_all_pages_with_the_token_in_a_header() {
        let server = MockServer::start().await;
        for (offset, id, more) in [("0", "A", true), ("100", "B", false)] {
            Mock::given(path("/api/incidents"))
                .and(header("authorization", "Token token=secret"))
                .and(query_param("incident_key", "1/eu/a b"))
                .and(query_param("since", "2026-11-30T03:00:00Z"))
                .and(query_param("offset", offset))
                .respond_with(
                    ResponseTemplate::new(200).set_body_json(json!({ "incidents": [incident(id)], "more": more })),
                )
                .expect(1)
                .mount(&server)
                .await;
        }
        let pager = Pager::new(&format!("{}/api", server.uri()), "secret".to_owned().into()).unwrap();
        let found = pager.incidents("1/eu/a b", "2026-11-30T03:00:00Z".parse().unwrap()).await.unwrap();
        assert_eq!(found.iter().map(|one| one.id.as_str()).collect::<Vec<_>>(), ["A", "B"]);
        assert!(!format!("{pager:?}").contains("secret"));
    }

    #[tokio::test]
    async fn a_refused_token_and_a_failing_service_are_distinguished() {
        let server = MockServer::start().await;
        Mock::given(path("/oncalls")).respond_with(ResponseTemplate::new(401)).mount(&server).await;
        Mock::given(path("/incidents")).respond_with(ResponseTemplate::new(503)).mount(&server).await;
        let pager = Pager::new(&server.uri(), "secret".to_owned().into()).unwrap();
        assert!(matches!(pager.on_call("P").await, Err(PagerError::Token { status: 401, .. })));
        let found = pager.incidents("k", Timestamp::UNIX_EPOCH).await;
        assert!(matches!(found, Err(PagerError::Status { status: 503, .. })), "{found:?}");
    }
}
