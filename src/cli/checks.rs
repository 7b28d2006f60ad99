//! Drift checks that all clones share: beside the estate's own record, one in the control plane's bucket.

use tenantry_aws::cloud::{Cloud, is_access_denied, s3, with_causes};
use tenantry_ops::deploy::locks::{LocksError, shelf};
use tenantry_ops::drift::record::Record;
use tenantry_spec::estate::spec::Fleet;

/// Key of the record in the artifacts bucket of the control plane's account and region.
const KEY: &str = "estate/drift.json";
/// Conditional writes that may be lost to others.
const ROUNDS: usize = 20;

/// The checks that other clones made.
///
/// # Errors
/// Why they cannot be read; what they would say is unknown then.
pub(super) async fn shared(cloud: &Cloud, fleet: &Fleet) -> Result<Record, String> {
    let found = shelf(cloud, fleet, &fleet.control_plane.account).await;
    let (session, bucket) = found.map_err(|error| with_causes(&error))?;
    let seen = match s3::read(&session, &bucket, KEY).await {
        Err(error) if s3::is_absent(&error) => None,
        seen => seen.map_err(|error| with_causes(&error))?,
    };
    Ok(seen.map(|seen| Record::parse(&seen.text)).unwrap_or_default())
}

/// Shares checks with other clones, under the deploy role: the reading role writes nothing that others rely on. Who may
/// only read keeps the checks to itself.
///
/// # Errors
/// Why they cannot be written; this clone has them nevertheless.
pub(super) async fn share(fleet: &Fleet, own: &Record) -> Result<(), String> {
    let cloud = Cloud::configure().await.map_err(|error| error.to_string())?;
    let (session, bucket) = match shelf(&cloud, fleet, &fleet.control_plane.account).await {
        Err(LocksError::Call(error)) if is_access_denied(&error) => return Ok(()),
        found => found.map_err(|error| with_causes(&error))?,
    };
    for _ in 0..ROUNDS {
        let seen = match s3::read(&session, &bucket, KEY).await {
            // Without a control plane there is nobody to share with.
            Err(error) if s3::is_absent(&error) => return Ok(()),
            seen => seen.map_err(|error| with_causes(&error))?,
        };
        let before = seen.as_ref().map(|seen| Record::parse(&seen.text)).unwrap_or_default();
        let text = before.merged(own.clone()).text().map_err(|error| error.to_string())?;
        let etag = seen.as_ref().map(|seen| seen.etag.as_str());
        match s3::write_if(&session, &bucket, KEY, &text, etag).await {
            Ok(true) => return Ok(()),
            Ok(false) => {}
            Err(error) if is_access_denied(&error) => return Ok(()),
            Err(error) => return Err(with_causes(&error)),
        }
    }
    Err(format!("s3://{bucket}/{KEY} changes all the time"))
}
