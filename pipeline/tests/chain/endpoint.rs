//! The local AWS endpoint: moto's server, for S3 and SQS.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_sdk_s3::types::{BucketLocationConstraint, CreateBucketConfiguration};
use tenantry_pipeline::cloud::http;
use tenantry_pipeline::cloud::s3::S3;

pub(crate) struct Endpoint {
    process: Child,
    pub(crate) url: String,
    pub(crate) s3: aws_sdk_s3::Client,
    pub(crate) sqs: aws_sdk_sqs::Client,
}

impl Endpoint {
    pub(crate) async fn start() -> Self {
        let server = Path::new(env!("CARGO_MANIFEST_DIR")).join("../.venv/bin/moto_server");
        let mut process = Command::new(&server)
            .args(["-H", "127.0.0.1", "-p", "0"])
            .env("AWS_ACCESS_KEY_ID", "test")
            .env("AWS_SECRET_ACCESS_KEY", "test")
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{}: {error}; `make test` sets it up", server.display()));
        let mut lines = BufReader::new(process.stderr.take().unwrap()).lines();
        let url = lines
            .by_ref()
            .map_while(Result::ok)
            .find_map(|line| line.split_once("Running on ").map(|(_, url)| url.to_owned()));
        // The rest is read away, so that the server never waits for a reader.
        std::thread::spawn(move || lines.map_while(Result::ok).count());
        let url = url.expect("the server says where it runs").trim().to_owned();
        let configuration = configuration(&url);
        let s3 = aws_sdk_s3::config::Builder::from(&configuration).force_path_style(true).build();
        let (s3, sqs) = (aws_sdk_s3::Client::from_conf(s3), aws_sdk_sqs::Client::new(&configuration));
        let place = CreateBucketConfiguration::builder().location_constraint(BucketLocationConstraint::EuWest1).build();
        s3.create_bucket().bucket("landing").create_bucket_configuration(place).send().await.unwrap();
        Self { process, url, s3, sqs }
    }

    pub(crate) fn objects(&self) -> S3 {
        S3::new(self.s3.clone())
    }

    pub(crate) async fn put(&self, key: &str, body: Vec<u8>) {
        self.s3.put_object().bucket("landing").key(key).body(body.into()).send().await.unwrap();
    }

    pub(crate) async fn get(&self, key: &str) -> Vec<u8> {
        let object = self.s3.get_object().bucket("landing").key(key).send().await.unwrap();
        object.body.collect().await.unwrap().to_vec()
    }

    pub(crate) async fn keys(&self, prefix: &str) -> Vec<String> {
        let mut pages = self.s3.list_objects_v2().bucket("landing").prefix(prefix).into_paginator().send();
        let mut keys = Vec::new();
        while let Some(page) = pages.next().await {
            keys.extend(page.unwrap().contents().iter().filter_map(|object| object.key().map(str::to_owned)));
        }
        keys
    }

    pub(crate) async fn queue(&self, name: &str) -> String {
        let queue = self.sqs.create_queue().queue_name(name).send().await.unwrap();
        queue.queue_url().unwrap().to_owned()
    }
}

impl Drop for Endpoint {
    fn drop(&mut self) {
        self.process.kill().unwrap_or_default();
        self.process.wait().unwrap();
    }
}

fn configuration(url: &str) -> SdkConfig {
    SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("eu-west-1"))
        .credentials_provider(aws_credential_types::provider::SharedCredentialsProvider::new(Credentials::for_tests()))
        .endpoint_url(url)
        .http_client(http::for_sdk())
        .build()
}
