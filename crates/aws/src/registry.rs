//! Registries of container images: the digest that a tag has now, asked without credentials.
//!
//! The digest is computed from the manifest, not taken from a header. Sources: OCI Distribution Specification, "Pulling
//! manifests"; Docker Registry documentation, "Token authentication specification".

use std::collections::BTreeMap;

use serde_json::Value;
use tenantry_base::digest::sha256;
use url::Url;

use crate::http::{self, Answer};

/// Manifests of one platform and indexes of several, of OCI and of Docker: registries answer in what is asked for, and a digest
/// is that of what all clients get.
const MANIFESTS: &str = "application/vnd.oci.image.index.v1+json, application/vnd.docker.distribution.manifest.list.v2+json, \
    application/vnd.oci.image.manifest.v1+json, application/vnd.docker.distribution.manifest.v2+json";

/// Why the digest of an image is unknown.
#[derive(Debug, thiserror::Error)]
pub enum RegistryError {
    #[error("`{0}` names no registry that can be asked")]
    Name(String),
    #[error("cannot ask {host}: {why}")]
    Unreachable { host: String, why: String },
    #[error("{host} has no `{image}`, or requires credentials for it (HTTP {status})")]
    Absent { host: String, image: String, status: u16 },
    #[error("{host} answers HTTP {status}")]
    Status { host: String, status: u16 },
    #[error("the answer of {host} is not one of a registry: {what}")]
    Answer { host: String, what: &'static str },
}

/// The digest of an image, `sha256:…`, by its repository and tag.
///
/// # Errors
/// The registry is out of reach, has no such image, or wants credentials.
pub async fn digest(repository: &str, tag: &str) -> Result<String, RegistryError> {
    let (origin, path) = place(repository).ok_or_else(|| RegistryError::Name(repository.to_owned()))?;
    let host = origin.authority().to_owned();
    let manifest =
        origin.join(&format!("/v2/{path}/manifests/{tag}")).map_err(|_| RegistryError::Name(repository.to_owned()))?;
    let mut answer = get(&manifest, None).await?;
    if answer.status == 401 {
        let wanted = answer.challenge.as_deref().and_then(challenge);
        let wanted =
            wanted.ok_or(RegistryError::Answer { host: host.clone(), what: "it says not where tokens are had" })?;
        let token = token(&wanted).await?;
        answer = get(&manifest, Some(&token)).await?;
    }
    match answer.status {
        200 => {}
        401 | 403 | 404 => {
            let image = format!("{path}:{tag}");
            return Err(RegistryError::Absent { host, image, status: answer.status });
        }
        status => return Err(RegistryError::Status { host, status }),
    }
    let is_manifest = serde_json::from_slice(&answer.body).is_ok_and(|body: Value| body["schemaVersion"] == 2);
    if !is_manifest {
        return Err(RegistryError::Answer { host, what: "it is not a manifest" });
    }
    Ok(format!("sha256:{}", sha256(&answer.body)))
}

/// Where a repository is asked for, and its path there. Without a host it is Docker Hub's; registries on this machine speak
/// HTTP without TLS, as they do to Docker.
fn place(repository: &str) -> Option<(Url, String)> {
    let (host, path) = match repository.split_once('/') {
        Some((host, path)) if host.contains(['.', ':']) || host == "localhost" => (host, path.to_owned()),
        Some(_) => ("docker.io", repository.to_owned()),
        None => ("docker.io", format!("library/{repository}")),
    };
    let (host, path) = match host {
        "docker.io" if !path.contains('/') => ("registry-1.docker.io", format!("library/{path}")),
        "docker.io" => ("registry-1.docker.io", path),
        host => (host, path),
    };
    let name = host.split(':').next().unwrap_or_default();
    let is_here = name == "localhost" || name.starts_with("127.");
    let origin = Url::parse(&format!("{}://{host}/", if is_here { "http" } else { "https" })).ok()?;
    Some((origin, path))
}

/// Where a token is had, by the header `WWW-Authenticate: Bearer realm="…",service="…",scope="…"`.
fn challenge(header: &str) -> Option<Url> {
    let reported = header.trim().strip_prefix("Bearer ").or_else(|| header.trim().strip_prefix("bearer "))?;
    let mut parts = BTreeMap::new();
    let mut rest = reported;
    while let Some((name, after)) = rest.split_once("=\"") {
        let (value, after) = after.split_once('"')?;
        parts.insert(name.trim_matches([' ', ',']).to_owned(), value.to_owned());
        rest = after;
    }
    let mut url = Url::parse(parts.get("realm")?).ok()?;
    for name in ["service", "scope"] {
        if let Some(value) = parts.get(name) {
            url.query_pairs_mut().append_pair(name, value);
        }
    }
    Some(url)
}

async fn token(at: &Url) -> Result<String, RegistryError> {
    let host = at.authority().to_owned();
    let answer = get(at, None).await?;
    if answer.status != 200 {
        return Err(RegistryError::Status { host, status: answer.status });
    }
    let body: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    let token = ["token", "access_token"].iter().find_map(|name| body[name].as_str());
    token.map(str::to_owned).ok_or(RegistryError::Answer { host, what: "it has no token" })
}

/// Asks a registry, with a token where there is one.
async fn get(url: &Url, token: Option<&str>) -> Result<Answer, RegistryError> {
    let mut headers = vec![("accept", MANIFESTS.to_owned())];
    headers.extend(token.map(|token| ("authorization", format!("Bearer {token}"))));
    let unreachable = |why| RegistryError::Unreachable { host: url.authority().to_owned(), why };
    http::get(url, headers).await.map_err(unreachable)
}

#[cfg(test)]
mod tests {
    use wiremock::matchers::{header, method, path, query_param};
    use wiremock::{Mock, MockServer, ResponseTemplate};

    use super::*;

    #[tokio::test]
    async fn a_digest_is_that_of_the_manifest_which_a_token_opens() {
        let server = MockServer::start().await;
        let at = "/v2/team/proxy/manifests/1.0";
        let manifest = r#"{"schemaVersion":2,"manifests":[]}"#;
        let reported =
            format!(r#"Bearer realm="{}/token",service="registry",scope="repository:team/proxy:pull""#, server.uri());
        Mock::given(method("GET"))
            .and(path(at))
            .and(header("authorization", "Bearer opens"))
            .respond_with(ResponseTemplate::new(200).set_body_string(manifest))
            .with_priority(1)
            .mount(&server)
            .await;
        Mock::given(path(at))
            .respond_with(ResponseTemplate::new(401).insert_header("www-authenticate", reported))
            .mount(&server)
            .await;
        Mock::given(path("/token"))
            .and(query_param("scope", "repository:team/proxy:pull"))
            .respond_with(ResponseTemplate::new(200).set_body_json(serde_json::json!({ "token": "opens" })))
            .mount(&server)
            .await;
        let repository = format!("{}/team/proxy", server.uri().trim_start_matches("http://"));
        let found = digest(&repository, "1.0").await.unwrap();
        assert_eq!(found, format!("sha256:{}", sha256(manifest)));
        let error = digest(&repository, "2.0").await.unwrap_err();
        assert!(matches!(error, RegistryError::Absent { status: 404, .. }), "{error}");
    }

    #[tokio::test]
    async fn a_page_that_is_no_manifest_has_no_digest() {
        let server = MockServer::start().await;
        Mock::given(method("GET"))
            .respond_with(ResponseTemplate::new(200).set_body_string("<html>"))
            .mount(&server)
            .await;
        let repository = format!("{}/team/proxy", server.uri().trim_start_matches("http://"));
        let error = digest(&repository, "1.0").await.unwrap_err();
        assert!(matches!(error, RegistryError::Answer { what: "it is not a manifest", .. }), "{error}");
    }

    #[test]
    fn registries_are_distinguished_from_their_repositories() {
        let check = |repository: &str, origin: &str, path: &str| {
            let (found, below) = place(repository).unwrap();
            assert_eq!((found.as_str(), below.as_str()), (origin, path), "{repository}");
        };
        check("public.ecr.aws/docker/library/caddy", "https://public.ecr.aws/", "docker/library/caddy");
        check("caddy", "https://registry-1.docker.io/", "library/caddy");
        check("grafana/loki", "https://registry-1.docker.io/", "grafana/loki");
        check("docker.io/library/caddy", "https://registry-1.docker.io/", "library/caddy");
        check("registry.example:5000/a/b", "https://registry.example:5000/", "a/b");
        check("localhost:5000/a", "http://localhost:5000/", "a");
    }

    #[test]
    fn a_challenge_says_where_a_token_is_had() {
        let found = challenge(r#"Bearer realm="https://r.example/token/",service="r.example",scope="aws""#).unwrap();
        assert_eq!(found.as_str(), "https://r.example/token/?service=r.example&scope=aws");
        for header in ["Basic realm=\"x\"", "Bearer realm=\"no url\"", "Bearer service=\"x\""] {
            assert_eq!(challenge(header), None, "{header}");
        }
    }
}
