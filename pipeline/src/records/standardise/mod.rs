//! One record of a sensor becomes one action of a bulk request: ECS names, enriched, under an id that is the same each
//! time the record is seen.
//!
//! `record` reads it under its kind's plan, `flow` says who talked to whom, `treatments` what becomes of single fields, and
//! `document` writes. Where a kind's fields go is said by the tables of [`super::schema`].

mod document;
mod flow;
mod indices;
mod record;
mod reject;
mod treatments;

#[cfg(test)]
mod tests;

use std::borrow::Cow;

use super::dataset::{KeyNames, Naming};
use super::fields::Fields;
use super::identity::Identity;
use super::networks::Networks;
use super::schema::Role;
use super::secrets::{self, MASK};
use super::timestamp::Timestamp;

use document::Document;
pub use indices::{IndexNames, SHARED};
use record::{Record, is_suricata};
pub use reject::Reject;

/// What holds for every record of a stack.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standard {
    pub tenant: String,
    pub index_prefix: String,
    pub networks: Networks,
    pub naming: Naming,
    pub indices: IndexNames,
}

/// Where a record comes from.
#[derive(Debug, Clone)]
pub struct Origin<'a> {
    /// Of the key of the object that the sensor uploaded.
    pub identity: Identity,
    pub sensor: Option<&'a str>,
    /// Datasets that the key names.
    pub names: KeyNames,
    /// When the sensor's object was written: the time of records of kinds that have none.
    pub written: i64,
    /// When its records are ingested.
    pub ingested: i64,
    /// Records outside of these times are rejected: their index would be gone, or lie in the future.
    pub oldest: i64,
    pub newest: i64,
}

impl Standard {
    /// With everything but the tenant's name as it is by default.
    pub fn new(tenant: &str) -> Self {
        Self {
            tenant: tenant.to_owned(),
            index_prefix: "zeek".to_owned(),
            networks: Networks::default(),
            naming: Naming::default(),
            indices: IndexNames::default(),
        }
    }

    /// Appends the two lines of the bulk action for `record`. `text`: the record as it came, at byte `offset` of its
    /// origin, which gives it its id. On an error `body` is as it was.
    ///
    /// # Errors
    /// The record cannot be indexed.
    pub fn write(
        &self,
        record: &[u8],
        text: &[u8],
        offset: u64,
        origin: &Origin<'_>,
        body: &mut Vec<u8>,
    ) -> Result<Timestamp, Reject> {
        let read = Record::read(record, self, origin)?;
        let time = read.time(origin)?;
        self.write_action(&read, time, offset, text, origin, body);
        let ingested = Timestamp { seconds: origin.ingested, micros: 0 };
        let mut document = Document::begin(&read, record, time, ingested, body);
        document.text("organization.id", &self.tenant);
        if let Some(observer) = read.text(Role::SystemName).or(origin.sensor) {
            document.text("observer.name", observer);
        }
        self.write_flow(&mut document);
        for (key, raw, row) in read.fields() {
            document.field(key, raw, row);
        }
        document.end();
        Ok(time)
    }

    /// A record with its secrets masked, as far as it can be read.
    pub fn masked<'r>(&self, record: &'r [u8], names: &KeyNames) -> Cow<'r, [u8]> {
        let Ok(fields) = Fields::parse(record.strip_prefix(super::BOM).unwrap_or(record)) else {
            return Cow::Borrowed(record);
        };
        let name = self.naming.choose(fields.text("_path"), names).unwrap_or_default();
        let fields = if is_suricata(&fields) { fields.flattened() } else { fields };
        let text = |field: &str| fields.text(field);
        let secrets = fields.iter().filter(|(field, raw)| secrets::hides(&name, field, raw, &text));
        let mut ranges: Vec<_> = secrets
            .map(|(_, raw)| {
                // Raw values are slices of the record.
                let start = (raw.as_ptr() as usize).saturating_sub(record.as_ptr() as usize);
                start..start + raw.len()
            })
            .collect();
        if ranges.is_empty() {
            return Cow::Borrowed(record);
        }
        ranges.sort_by_key(|range| range.start);
        let (mut masked, mut at) = (Vec::with_capacity(record.len()), 0);
        for range in ranges {
            masked.extend_from_slice(record.get(at..range.start).unwrap_or_default());
            masked.extend_from_slice(MASK.as_bytes());
            at = range.end;
        }
        masked.extend_from_slice(record.get(at..).unwrap_or_default());
        Cow::Owned(masked)
    }

    /// `create`: what is there already stays, and is told as 409, so a second run changes nothing.
    fn write_action(
        &self,
        record: &Record<'_>,
        time: Timestamp,
        offset: u64,
        text: &[u8],
        origin: &Origin<'_>,
        body: &mut Vec<u8>,
    ) {
        let is_zeeks = record.plan.sensor.module == "zeek";
        let name = if is_zeeks { self.indices.of(&record.name) } else { SHARED };
        body.extend_from_slice(br#"{"create":{"_index":""#);
        self.indices.write(&self.index_prefix, name, time, body);
        body.extend_from_slice(br#"","_id":""#);
        origin.identity.write(offset, text, body);
        body.extend_from_slice(b"\"}}\n");
    }
}
