//! The function `ingest`: see `tenantry_pipeline::function::ingest`.

use tenantry_pipeline::function::{StartError, ingest};

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() -> Result<(), StartError> {
    ingest().await
}
