//! The function `splitter`: see `tenantry_pipeline::function::splitter`.

use tenantry_pipeline::function::{StartError, splitter};

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() -> Result<(), StartError> {
    splitter().await
}
