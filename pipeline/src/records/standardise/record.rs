//! One record under its kind's plan: what each of its fields is to it.

use std::borrow::Cow;
use std::net::IpAddr;

use super::reject::{Reject, not_an_object};
use super::{Origin, Standard};
use crate::bulk::verdict::truncate;
use crate::records::BOM;
use crate::records::dataset::legal;
use crate::records::fields::{Fields, plain_text};
use crate::records::plan::{self, Plan, Row};
use crate::records::schema::{Role, zeek};
use crate::records::timestamp::Timestamp;

/// A record, and what becomes of its fields.
#[derive(Debug)]
pub(super) struct Record<'a> {
    /// Of the dataset.
    pub name: Cow<'a, str>,
    pub plan: &'static Plan,
    /// Its ends are those of its kind, since it has no connection.
    pub has_own_ends: bool,
    fields: Fields<'a>,
    rows: Vec<Option<&'static Row>>,
    /// Values of the first field with each role.
    by_role: [Option<&'a str>; Role::COUNT],
    /// Of the source and the destination.
    addresses: [Option<IpAddr>; 2],
}

/// One of the two ends of a record, or its port.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    Source,
    SourcePort,
    Destination,
    DestinationPort,
}

impl<'a> Record<'a> {
    /// Reads one record.
    ///
    /// # Errors
    /// It is no JSON object, or nothing names its dataset.
    pub(super) fn read(text: &'a [u8], standard: &'a Standard, origin: &'a Origin<'_>) -> Result<Self, Reject> {
        let text = text.strip_prefix(BOM).unwrap_or(text);
        let fields = Fields::parse(text).map_err(|error| not_an_object(text, &error))?;
        let (fields, name, plan) = if is_suricata(&fields) {
            let fields = fields.flattened();
            let name = fields.text("event_type").and_then(legal).ok_or(Reject::NoDataset)?;
            let plan = plan::of_suricata(&name);
            (fields, name, plan)
        } else {
            let name = standard.naming.choose(fields.text("_path"), &origin.names).ok_or(Reject::NoDataset)?;
            let plan = plan::zeek(&name);
            (fields, name, plan)
        };
        let (mut rows, mut by_role) = (Vec::with_capacity(fields.len()), [None; Role::COUNT]);
        for (key, raw) in fields.iter() {
            let row = plan.row(key);
            if let Some(role) = row.and_then(|row| row.role)
                && let Some(place) = by_role.get_mut(role as usize)
            {
                place.get_or_insert(raw);
            }
            rows.push(row);
        }
        let mut record = Self { name, plan, has_own_ends: false, fields, rows, by_role, addresses: [None; 2] };
        let has_connection = record.raw(Role::Source).is_some() || record.raw(Role::Destination).is_some();
        record.has_own_ends = plan.dataset.ends.is_some() && !has_connection;
        let address = |end| without_zone(record.text(record.role_of(end))?).parse().ok();
        record.addresses = [End::Source, End::Destination].map(address);
        Ok(record)
    }

    /// Every field, and what becomes of it.
    pub(super) fn fields(&self) -> impl Iterator<Item = (&str, &'a str, Option<&'static Row>)> {
        self.fields.iter().zip(&self.rows).map(|((key, raw), row)| (key, raw, *row))
    }

    /// The value of the first field with this name.
    pub(super) fn get(&self, name: &str) -> Option<&'a str> {
        self.fields.get(name)
    }

    /// The text of a field that needs no unescaping.
    pub(super) fn text_of(&self, name: &str) -> Option<&'a str> {
        self.fields.text(name)
    }

    pub(super) fn raw(&self, role: Role) -> Option<&'a str> {
        self.by_role.get(role as usize).copied().flatten()
    }

    pub(super) fn text(&self, role: Role) -> Option<&'a str> {
        plain_text(self.raw(role)?)
    }

    pub(super) fn number(&self, role: Role) -> Option<u64> {
        self.raw(role)?.parse().ok()
    }

    fn role_of(&self, end: End) -> Role {
        match (end, self.has_own_ends) {
            (End::Source, false) => Role::Source,
            (End::SourcePort, false) => Role::SourcePort,
            (End::Destination, false) => Role::Destination,
            (End::DestinationPort, false) => Role::DestinationPort,
            (End::Source, true) => Role::OwnSource,
            (End::SourcePort, true) => Role::OwnSourcePort,
            (End::Destination, true) => Role::OwnDestination,
            (End::DestinationPort, true) => Role::OwnDestinationPort,
        }
    }

    /// The value of one of its ends.
    pub(super) fn end(&self, end: End) -> Option<&'a str> {
        self.raw(self.role_of(end))
    }

    /// The address of one of its ends.
    pub(super) fn address(&self, end: End) -> Option<IpAddr> {
        let [source, destination] = self.addresses;
        match end {
            End::Source | End::SourcePort => source,
            End::Destination | End::DestinationPort => destination,
        }
    }

    /// Which of its ends a field with this role is.
    pub(super) fn end_of(&self, role: Role) -> Option<End> {
        let ends = [End::Source, End::SourcePort, End::Destination, End::DestinationPort];
        ends.into_iter().find(|end| self.role_of(*end) == role)
    }

    /// The record's time.
    ///
    /// # Errors
    /// It has none, or one outside of what is kept.
    pub(super) fn time(&self, origin: &Origin<'_>) -> Result<Timestamp, Reject> {
        let field = self.plan.sensor.time;
        let time = match self.raw(Role::Time).or_else(|| self.raw(Role::WriteTime)) {
            Some(raw) => Timestamp::parse(raw).ok_or_else(|| {
                let mut shown = raw.to_owned();
                truncate(&mut shown, 64);
                Reject::NoTime(format!(
                    "the record's `{field}` is {shown}: expected seconds since 1970 or an ISO 8601 time"
                ))
            }),
            None if zeek::has_no_time(&self.name) => Ok(Timestamp { seconds: origin.written, micros: 0 }),
            None => Err(Reject::NoTime(format!("the record has no `{field}`"))),
        }?;
        if time.seconds < origin.oldest {
            Err(Reject::OutOfTime(time.to_string(), "it is older than the retention"))
        } else if time.seconds > origin.newest {
            Err(Reject::OutOfTime(time.to_string(), "it is in the future"))
        } else {
            Ok(time)
        }
    }
}

/// Whether it is an event of Suricata's `eve.json`.
pub(super) fn is_suricata(fields: &Fields<'_>) -> bool {
    fields.get("_path").is_none() && fields.get("event_type").is_some() && fields.get("timestamp").is_some()
}

/// An address without the zone that a link-local one may have (RFC 4007): `fe80::1%eth0`.
pub(super) fn without_zone(text: &str) -> &str {
    text.get(..memchr::memchr(b'%', text.as_bytes()).unwrap_or(text.len())).unwrap_or(text)
}
