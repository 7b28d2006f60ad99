//! A tenant's bucket, queues and functions on the local endpoint, and what AWS does between them.

use std::ops::Range;
use std::time::Duration;

use aws_sdk_sqs::types::{Message, MessageAttributeValue, MessageSystemAttributeName, QueueAttributeName};
use serde_json::{Value, json};
use tempfile::TempDir;
use tenantry_pipeline::bulk::batch::BatchLimits;
use tenantry_pipeline::bulk::run::IngestSettings;
use tenantry_pipeline::cloud::s3::S3;
use tenantry_pipeline::cloud::sqs::Sqs;
use tenantry_pipeline::framing::Framing;
use tenantry_pipeline::invoke::{Invocation, InvocationFailed, Work, invoke};
use tenantry_pipeline::journal::{Journal, Level};
use tenantry_pipeline::metrics::Metrics;
use tenantry_pipeline::pace::{Pace, milliseconds_since_1970, seconds_since_1970};
use tenantry_pipeline::records::dataset::Naming;
use tenantry_pipeline::records::standardise::Standard;
use tenantry_pipeline::retry::Schedule;
use tenantry_pipeline::split::cutter::Limits;
use tenantry_pipeline::split::run::SplitSettings;
use tenantry_pipeline::work::{Ingest, Splitter};

use super::search::Domain;
use crate::process::{Endpoint, tenantry};
use crate::release::small;

/// The account of the endpoint's own credentials.
const ACCOUNT: &str = "123456789012";
const BUCKET: &str = "metanet-acme-landing";

pub(crate) struct Stack {
    pub(crate) endpoint: Endpoint,
    /// The sample estate, with acme in the endpoint's account.
    pub(crate) estate: TempDir,
    pub(crate) domain: Domain,
    pub(crate) splitter_queue: String,
    pub(crate) ingest_queue: String,
    pub(crate) parking_queue: String,
    /// Which keys name a dataset: what a person mends.
    pub(crate) naming: std::sync::Mutex<Naming>,
    s3: aws_sdk_s3::Client,
    sqs: aws_sdk_sqs::Client,
}

impl Stack {
    pub(crate) async fn start() -> Self {
        let endpoint = Endpoint::start(20, &["--enforce-iam"]);
        let configuration = configuration(&endpoint.url);
        let s3 = aws_sdk_s3::config::Builder::from(&configuration).force_path_style(true).build();
        let (s3, sqs) = (aws_sdk_s3::Client::from_conf(s3), aws_sdk_sqs::Client::new(&configuration));
        let (estate, domain) = (estate(), Domain::default());
        bootstrap(&endpoint.url, estate.path());
        let names = [
            ("SplitterRetryQueue", "splitter-retry"),
            ("IngestRetryQueue", "ingest-retry"),
            ("ParkingQueue", "parking"),
        ]
        .map(|(id, name)| (id, format!("metanet-acme-{name}")));
        deploy(&aws_sdk_cloudformation::Client::new(&configuration), &names, estate.path()).await;
        let mut urls = Vec::new();
        for (_, name) in names {
            let queue = sqs.get_queue_url().queue_name(name).send().await.unwrap();
            urls.push(queue.queue_url().unwrap().to_owned());
        }
        let [splitter_queue, ingest_queue, parking_queue] = urls.try_into().unwrap();
        let naming = std::sync::Mutex::default();
        Self { endpoint, estate, domain, splitter_queue, ingest_queue, parking_queue, naming, s3, sqs }
    }

    pub(crate) async fn put(&self, key: &str, body: Vec<u8>) {
        self.s3.put_object().bucket(BUCKET).key(key).body(body.into()).send().await.unwrap();
    }

    pub(crate) async fn keys(&self, prefix: &str) -> Vec<String> {
        let found = self.s3.list_objects_v2().bucket(BUCKET).prefix(prefix).send().await.unwrap();
        found.contents().iter().filter_map(|object| object.key().map(str::to_owned)).collect()
    }

    pub(crate) async fn split(&self, key: &str) -> Result<Value, InvocationFailed> {
        self.split_event(&bucket_event(key)).await
    }

    async fn split_event(&self, event: &Value) -> Result<Value, InvocationFailed> {
        let settings = SplitSettings {
            framing: Framing::Newline,
            limits: Limits { part_bytes: 1 << 20, part_messages: None, message_bytes: 1 << 10 },
            source_prefix: "in/".to_owned(),
            parts_prefix: "parts/".to_owned(),
            aside_prefix: "aside/".to_owned(),
        };
        let work = Splitter { objects: S3::new(self.s3.clone()), settings };
        self.invoke("splitter", &self.splitter_queue, &work, event).await
    }

    pub(crate) async fn ingest(&self, event: &Value) -> Result<Value, InvocationFailed> {
        let mut standard = Standard::new("acme");
        standard.naming = self.naming.lock().unwrap().clone();
        let settings = IngestSettings {
            framing: Framing::Newline,
            standard,
            limits: BatchLimits { bytes: 1 << 20, records: 10 },
            parallel: 2,
            retention_days: 30,
            parts_prefix: "parts/".to_owned(),
            rejects_prefix: "rejects/".to_owned(),
            park_percent: 100,
        };
        let work = Ingest { objects: S3::new(self.s3.clone()), domain: self.domain.clone(), settings };
        self.invoke("ingest", &self.ingest_queue, &work, event).await
    }

    async fn invoke<W: Work>(
        &self,
        function: &str,
        retry_queue_url: &str,
        work: &W,
        event: &Value,
    ) -> Result<Value, InvocationFailed> {
        let queues = Sqs {
            client: self.sqs.clone(),
            retry_url: retry_queue_url.to_owned(),
            parking_url: self.parking_queue.clone(),
        };
        let schedule = Schedule { delays: vec![1, 1, 1], jitter_percent: 0 };
        let until = tokio::time::Instant::now() + Duration::from_secs(2);
        let end = until + Duration::from_secs(10);
        let invocation = Invocation {
            tenant: "acme",
            function,
            retry_queue_url,
            schedule: &schedule,
            now: milliseconds_since_1970(),
            pace: Pace { until, end, random: || 0.5 },
            refusal: None,
        };
        let journal = Journal::new(Level::Error, 10, serde_json::Map::new(), |_| {});
        invoke(event, work, &queues, invocation, &mut Metrics::default(), &journal).await
    }

    pub(crate) async fn send(&self, queue: &str, body: &str) {
        self.sqs.send_message().queue_url(queue).message_body(body).send().await.unwrap();
    }

    /// Parks the event of an object, with these attributes.
    pub(crate) async fn park(&self, key: &str, attributes: &[(&str, &str)]) {
        let mut request = self.sqs.send_message().queue_url(&self.parking_queue);
        for (name, value) in attributes {
            let value = MessageAttributeValue::builder().data_type("String").string_value(*value).build().unwrap();
            request = request.message_attributes(*name, value);
        }
        request.message_body(bucket_event(key).to_string()).send().await.unwrap();
    }

    /// Receives once and invokes the splitter with the message's body, as an event source mapping does.
    pub(crate) async fn feed_splitter(&self) {
        let message = self.receive(&self.splitter_queue).await;
        let event: Value = serde_json::from_str(message.body().unwrap()).unwrap();
        self.split_event(&event).await.unwrap();
        let receipt = message.receipt_handle().unwrap();
        self.sqs.delete_message().queue_url(&self.splitter_queue).receipt_handle(receipt).send().await.unwrap();
    }

    pub(crate) async fn delete(&self, key: &str) {
        self.s3.delete_object().bucket(BUCKET).key(key).send().await.unwrap();
    }

    /// Receives once and invokes ingest, as an event source mapping does: how often the message was received, and
    /// whether it stays. Waits until there is one.
    pub(crate) async fn feed(&self, queue: &str) -> (u32, bool) {
        let message = self.receive(queue).await;
        let attribute = |name| message.attributes().unwrap()[&name].clone();
        let count = attribute(MessageSystemAttributeName::ApproximateReceiveCount);
        let event = json!({ "Records": [{
            "eventSource": "aws:sqs", "messageId": message.message_id(), "receiptHandle": message.receipt_handle(),
            "body": message.body(), "attributes": { "ApproximateReceiveCount": count,
                "SentTimestamp": attribute(MessageSystemAttributeName::SentTimestamp) } }] });
        let answer = self.ingest(&event).await.unwrap();
        let stays = !answer["batchItemFailures"].as_array().unwrap().is_empty();
        if !stays {
            let receipt = message.receipt_handle().unwrap();
            self.sqs.delete_message().queue_url(queue).receipt_handle(receipt).send().await.unwrap();
        }
        (count.parse().unwrap(), stays)
    }

    /// The body of the next message of a queue.
    pub(crate) async fn body(&self, queue: &str) -> Value {
        serde_json::from_str(self.receive(queue).await.body().unwrap()).unwrap()
    }

    async fn receive(&self, queue: &str) -> Message {
        loop {
            let request = self.sqs.receive_message().queue_url(queue).wait_time_seconds(5);
            let request = request.message_system_attribute_names(MessageSystemAttributeName::All);
            if let Some(message) = request.send().await.unwrap().messages().first() {
                return message.clone();
            }
        }
    }

    /// Messages of a queue that can be received now.
    pub(crate) async fn depth(&self, queue: &str) -> usize {
        let name = QueueAttributeName::ApproximateNumberOfMessages;
        let answer =
            self.sqs.get_queue_attributes().queue_url(queue).attribute_names(name.clone()).send().await.unwrap();
        answer.attributes().unwrap()[&name].parse().unwrap()
    }

    /// Depths of the splitter's and ingest's retry queues and of the parking queue.
    pub(crate) async fn depths(&self) -> (usize, usize, usize) {
        (
            self.depth(&self.splitter_queue).await,
            self.depth(&self.ingest_queue).await,
            self.depth(&self.parking_queue).await,
        )
    }
}

/// Deploys the tenant's stack, with the estate's tags and nothing but its queues and its bucket.
async fn deploy(cloudformation: &aws_sdk_cloudformation::Client, queues: &[(&str, String)], estate: &std::path::Path) {
    let queue = |name: &String| json!({ "Type": "AWS::SQS::Queue", "Properties": { "QueueName": name } });
    let resources = queues.iter().map(|(id, name)| ((*id).to_owned(), queue(name)));
    let bucket = json!({ "Type": "AWS::S3::Bucket",
        "Properties": { "BucketName": BUCKET, "VersioningConfiguration": { "Status": "Enabled" } } });
    let resources = resources.chain([("LandingBucket".to_owned(), bucket)]);
    let body = json!({ "Resources": resources.collect::<serde_json::Map<_, _>>() }).to_string();
    let fleet = tenantry::estate::load(estate).0.unwrap().fleet;
    let tags = tenantry::deploy::Desired::identity(&fleet.organisation, &fleet.identity(), "acme");
    let tags = tags
        .into_iter()
        .map(|(key, value)| aws_sdk_cloudformation::types::Tag::builder().key(key).value(value).build());
    let name = "metanet-acme";
    let request = cloudformation.create_stack().stack_name(name).template_body(body);
    request.set_tags(Some(tags.collect())).send().await.unwrap();
    loop {
        let seen = cloudformation.describe_stacks().stack_name(name).send().await.unwrap();
        if seen.stacks()[0].stack_status().is_some_and(|status| status.as_str() == "CREATE_COMPLETE") {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

fn configuration(url: &str) -> aws_config::SdkConfig {
    let credentials = aws_credential_types::Credentials::for_tests();
    aws_config::SdkConfig::builder()
        .behavior_version(aws_config::BehaviorVersion::latest())
        .region(aws_config::Region::new("eu-west-1"))
        .credentials_provider(aws_credential_types::provider::SharedCredentialsProvider::new(credentials))
        .endpoint_url(url)
        .http_client(tenantry_pipeline::cloud::http::for_sdk())
        .build()
}

/// The sample estate, with its first account being the endpoint's own.
fn estate() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (path, bytes) in tenantry::embedded::sample(tenantry::embedded::DEFAULT_BLUEPRINT) {
        let path = folder.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        let text = String::from_utf8(bytes).unwrap().replace("111122223333", ACCOUNT);
        std::fs::write(path, text).unwrap();
    }
    for (path, text) in small::TEMPLATES {
        let path = folder.path().join("templates").join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    folder
}

/// Makes the roles under which a replay runs.
fn bootstrap(url: &str, estate: &std::path::Path) {
    let output = tenantry(url)
        .args(["bootstrap", "--role", "OrganizationAccountAccessRole", "--yes", "--estate"])
        .arg(estate)
        .args(small::BROKEN.iter().map(|code| format!("--override={code}=small templates")))
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

pub(crate) fn bucket_event(key: &str) -> Value {
    json!({ "Records": [{ "eventSource": "aws:s3", "eventName": "ObjectCreated:Put",
        "s3": { "bucket": { "name": BUCKET }, "object": { "key": key } } }] })
}

/// Records with these numbers as their `uid`, a line each.
pub(crate) fn records(numbers: Range<usize>) -> Vec<u8> {
    let line = |n| {
        let record = json!({ "_path": "conn", "ts": seconds_since_1970(), "uid": format!("C{n}"), "proto": "tcp",
            "id.orig_h": "10.0.0.1", "id.orig_p": 40_000, "id.resp_h": "192.0.2.1", "id.resp_p": 443 });
        format!("{record}\n").into_bytes()
    };
    numbers.flat_map(line).collect()
}
