//! The real binary, and the endpoint as it is asked past it.

use std::process::{Child, Command, Output, Stdio};

use http_body_util::{BodyExt, Full};
use hyper::Request;
use hyper::body::Bytes;
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;

use super::estate::Estate;
use crate::process;

/// A command of the binary on an estate, with an endpoint as AWS.
pub(super) fn tenantry(estate: &Estate, endpoint: &str, arguments: &[&str]) -> Command {
    let mut command = process::tenantry(endpoint);
    command
        .args(arguments)
        .env("TENANTRY_ESTATE", estate.root())
        .env("TENANTRY_FUNCTIONS", &estate.zips)
        .env("TENANTRY_LOCK_SECONDS", "2")
        .env("USER", "ann")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

/// What a command answered.
pub(super) struct Ran {
    pub code: Option<i32>,
    pub out: String,
    pub err: String,
}

impl Ran {
    pub(super) fn of(output: Output) -> Self {
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        Self { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
    }

    /// Fails the test unless the command ended so.
    pub(super) fn must(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "{}\n{}", self.out, self.err);
        self
    }

    /// Fails the test unless all of these were said on standard error.
    pub(super) fn said(self, parts: &[&str]) -> Self {
        for part in parts {
            assert!(self.err.contains(part), "`{part}` is not in:\n{}\n{}", self.err, self.out);
        }
        self
    }
}

pub(super) fn run(estate: &Estate, endpoint: &str, arguments: &[&str]) -> Ran {
    Ran::of(tenantry(estate, endpoint, arguments).output().unwrap())
}

pub(super) fn start(estate: &Estate, endpoint: &str, arguments: &[&str]) -> Child {
    tenantry(estate, endpoint, arguments).spawn().unwrap()
}

/// Asks an endpoint of one account and region in the query protocol, and gives the answer's XML.
pub(super) fn ask(endpoint: &str, service: &str, fields: &[(&str, &str)]) -> String {
    let form: Vec<String> = fields.iter().map(|(key, value)| format!("{key}={}", encoded(value))).collect();
    let scope = format!("AWS4-HMAC-SHA256 Credential=test/20260101/eu-west-1/{service}/aws4_request, Signature=none");
    let request = Request::post(endpoint)
        .header("authorization", scope)
        .header("content-type", "application/x-www-form-urlencoded")
        .body(Full::new(Bytes::from(form.join("&"))))
        .unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let answer = Client::builder(TokioExecutor::new()).build_http().request(request).await.unwrap();
        let bytes = answer.into_body().collect().await.unwrap().to_bytes();
        String::from_utf8_lossy(&bytes).into_owned()
    })
}

/// Makes a request of Amazon S3 without a body, and gives the answer's.
pub(super) fn ask_s3(endpoint: &str, method: &str, path: &str) -> String {
    let scope = "AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/s3/aws4_request, Signature=none";
    let request = Request::builder().method(method).uri(format!("{endpoint}{path}")).header("authorization", scope);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let request = request.body(Full::new(Bytes::new())).unwrap();
        let answer = Client::builder(TokioExecutor::new()).build_http().request(request).await.unwrap();
        assert!(answer.status().is_success(), "{}", answer.status());
        String::from_utf8_lossy(&answer.into_body().collect().await.unwrap().to_bytes()).into_owned()
    })
}

fn encoded(value: &str) -> String {
    value
        .bytes()
        .map(|byte| {
            if byte.is_ascii_alphanumeric() || byte == b'-' {
                char::from(byte).to_string()
            } else {
                format!("%{byte:02X}")
            }
        })
        .collect()
}

fn cloudformation(endpoint: &str, action: &str, more: &[(&str, &str)]) -> String {
    let fields: Vec<(&str, &str)> =
        [("Action", action), ("Version", "2010-05-15")].into_iter().chain(more.to_vec()).collect();
    ask(endpoint, "cloudformation", &fields)
}

/// The text of each `<tag>` of an XML text.
pub(super) fn each<'x>(xml: &'x str, tag: &str) -> Vec<&'x str> {
    let (open, close) = (format!("<{tag}>"), format!("</{tag}>"));
    xml.split(&open).skip(1).filter_map(|rest| rest.split(&close).next()).collect()
}

/// The tenants' stacks that exist, with their status.
pub(super) fn stacks(endpoint: &str) -> Vec<(String, String)> {
    let mut found = every_stack(endpoint);
    found.retain(|(name, _)| !name.ends_with("-control-plane"));
    found
}

/// The stacks that exist, with their status.
pub(super) fn every_stack(endpoint: &str) -> Vec<(String, String)> {
    let xml = cloudformation(endpoint, "ListStacks", &[]);
    let names = each(&xml, "StackName").into_iter().map(str::to_owned);
    let mut found: Vec<_> = names.zip(each(&xml, "StackStatus").into_iter().map(str::to_owned)).collect();
    found.retain(|(_, status)| status != "DELETE_COMPLETE");
    found.sort();
    found
}

/// How often changes of a stack were begun: events of the stack itself with that status.
pub(super) fn begun(endpoint: &str, stack: &str, status: &str) -> usize {
    let (mut count, mut next) = (0, None::<String>);
    loop {
        let mut fields = vec![("StackName", stack)];
        if let Some(next) = &next {
            fields.push(("NextToken", next));
        }
        let xml = cloudformation(endpoint, "DescribeStackEvents", &fields);
        let events = each(&xml, "member");
        count += events
            .iter()
            .filter(|event| {
                event.contains("<ResourceType>AWS::CloudFormation::Stack</ResourceType>")
                    && event.contains(&format!("<ResourceStatus>{status}</ResourceStatus>"))
                    && event.contains("User Initiated")
            })
            .count();
        next = each(&xml, "NextToken").first().map(|token| (*token).to_owned());
        if next.is_none() {
            return count;
        }
    }
}

/// Change sets of a stack that could still be executed.
pub(super) fn open_change_sets(endpoint: &str, stack: &str) -> usize {
    let xml = cloudformation(endpoint, "ListChangeSets", &[("StackName", stack)]);
    each(&xml, "ExecutionStatus").iter().filter(|status| **status == "AVAILABLE").count()
}
