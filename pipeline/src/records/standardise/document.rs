//! A document under way, member by member.

use std::io::Write as _;
use std::net::IpAddr;

use super::record::{End, Record, without_zone};
use crate::records::fields::plain_text;
use crate::records::json;
use crate::records::kinds::Kind;
use crate::records::plan::{self, Place, Row};
use crate::records::secrets::{self, MASK, Secrecy};
use crate::records::timestamp::Timestamp;

/// A document: after its first member, before its closing brace.
pub(super) struct Document<'a> {
    body: &'a mut Vec<u8>,
    pub record: &'a Record<'a>,
    /// Values of the record may have line ends between their tokens; a bulk line has none.
    has_line_ends: bool,
    /// Instead of ports there are a type and a code.
    pub is_icmp: bool,
    /// ECS `event.type`, beside what all records of the kind have.
    pub types: Vec<&'static str>,
    /// ECS `dns.header_flags`.
    pub header_flags: Vec<&'static str>,
    /// Members of `unmapped`: fields that no table knows, or whose value is not of the field's kind.
    unmapped: Vec<u8>,
    /// Members of `overlong`: what is too large or too deep to be searched for.
    overlong: Vec<u8>,
}

impl<'a> Document<'a> {
    /// Begins the document of a record, whose JSON is `text`.
    pub(super) fn begin(
        record: &'a Record<'a>,
        text: &[u8],
        time: Timestamp,
        ingested: Timestamp,
        body: &'a mut Vec<u8>,
    ) -> Self {
        body.extend_from_slice(br#"{"@timestamp":""#);
        time.write_iso(body);
        body.extend_from_slice(br#"","event.ingested":""#);
        ingested.write_iso(body);
        body.push(b'"');
        body.extend_from_slice(&record.plan.head);
        body.extend_from_slice(br#","event.dataset":""#);
        for part in [record.plan.sensor.module, ".", &record.name, "\""] {
            body.extend_from_slice(part.as_bytes());
        }
        Self {
            body,
            record,
            has_line_ends: memchr::memchr2(b'\n', b'\r', text).is_some(),
            is_icmp: false,
            types: Vec::new(),
            header_flags: Vec::new(),
            unmapped: Vec::new(),
            overlong: Vec::new(),
        }
    }

    /// Writes what was gathered, and the end.
    pub(super) fn end(mut self) {
        let types = std::mem::take(&mut self.types);
        self.texts("event.type", self.record.plan.dataset.types.iter().copied().chain(types));
        let header_flags = std::mem::take(&mut self.header_flags);
        self.texts("dns.header_flags", header_flags.into_iter());
        for (name, members) in [("unmapped", &self.unmapped), ("overlong", &self.overlong)] {
            if !members.is_empty() {
                for part in [b",\"", name.as_bytes(), b"\":{", members, b"}"] {
                    self.body.extend_from_slice(part);
                }
            }
        }
        self.body.extend_from_slice(b"}\n");
    }

    /// The name of a member: one of ours, in which nothing needs an escape.
    fn name(&mut self, name: &str) {
        self.body.extend_from_slice(b",\"");
        self.body.extend_from_slice(name.as_bytes());
        self.body.extend_from_slice(b"\":");
    }

    pub(super) fn number(&mut self, name: &str, number: u64) {
        self.name(name);
        // Memory takes whatever is written.
        write!(self.body, "{number}").unwrap_or_default();
    }

    pub(super) fn text(&mut self, name: &str, text: &str) {
        self.name(name);
        json::string(text, self.body);
    }

    /// The texts as a list, if there are any.
    pub(super) fn texts<'t>(&mut self, name: &str, texts: impl Iterator<Item = &'t str>) {
        let mut is_first = true;
        for text in texts {
            if is_first {
                self.name(name);
            }
            self.body.push(if is_first { b'[' } else { b',' });
            json::string(text, self.body);
            is_first = false;
        }
        if !is_first {
            self.body.push(b']');
        }
    }

    /// A value as it came. Between its tokens JSON allows line ends, within strings it does not.
    fn value(&mut self, raw: &str) {
        if self.has_line_ends {
            self.body.extend(without_line_ends(raw));
        } else {
            self.body.extend_from_slice(raw.as_bytes());
        }
    }

    /// Writes what becomes of one field of the record.
    pub(super) fn field(&mut self, key: &str, raw: &str, row: Option<&'static Row>) {
        let name = &*self.record.name;
        let secrecy = row.map_or_else(|| secrets::secrecy(name, key), |row| row.secrecy);
        let is_hidden =
            secrecy != Secrecy::None && secrets::hides_by(secrecy, name, key, raw, &|field| self.record.text_of(field));
        match row {
            Some(row) if is_hidden => self.kept(row, key, MASK),
            None if is_hidden => self.unmapped(key, MASK),
            Some(row) => match (row.role.and_then(|role| self.record.end_of(role)), row.treatment) {
                (Some(end), _) => self.end_of_flow(end, row, key, raw),
                (None, Some(treatment)) => self.treated(treatment, row, key, raw),
                (None, None) => self.kept(row, key, raw),
            },
            None => self.unmapped(key, raw),
        }
    }

    fn end_of_flow(&mut self, end: End, row: &'static Row, key: &str, raw: &str) {
        match end {
            End::Source => self.address(end, ["source.ip", "source.address"], raw),
            End::Destination => self.address(end, ["destination.ip", "destination.address"], raw),
            End::SourcePort if self.is_icmp => self.kept_as("icmp.type", raw),
            End::DestinationPort if self.is_icmp => self.kept_as("icmp.code", raw),
            End::SourcePort | End::DestinationPort => self.placed(row, key, raw),
        }
    }

    /// One end of a flow: its address. What else a sensor has in its place, such as a zone, is below `unmapped`.
    fn address(&mut self, end: End, [place, other]: [&str; 2], raw: &str) {
        let text = plain_text(raw).unwrap_or_default();
        let address = without_zone(text);
        // Of a name that a record has twice, the first is the end.
        let is_address = match self.record.end(end) {
            Some(first) if first == raw => self.record.address(end).is_some(),
            _ => address.parse::<IpAddr>().is_ok(),
        };
        if is_address {
            self.text(place, address);
        }
        if !is_address || address.len() < text.len() {
            self.unmapped(other, raw);
        }
    }

    /// A field that has a place in ECS, if its value is of that place's kind; else it stays among its kind's own.
    pub(super) fn placed(&mut self, row: &'static Row, key: &str, raw: &str) {
        match &row.to {
            Some(place) => self.at(place, key, raw),
            None => self.kept(row, key, raw),
        }
    }

    /// A field that ECS has no place for.
    pub(super) fn kept(&mut self, row: &'static Row, key: &str, raw: &str) {
        match &row.own {
            Some(place) => self.at(place, key, raw),
            None => self.unmapped(key, raw),
        }
    }

    /// As [`Self::kept`], under another name of the kind.
    fn kept_as(&mut self, key: &str, raw: &str) {
        match self.record.plan.row(key) {
            Some(row) => self.kept(row, key, raw),
            None => self.unmapped(key, raw),
        }
    }

    /// A value in this field of ECS.
    pub(super) fn put(&mut self, place: &str, key: &str, raw: &str) {
        match plan::ecs(place) {
            Some(place) => self.at(place, key, raw),
            None => self.unmapped(key, raw),
        }
    }

    /// Writes a value if a field of this kind can take it; the domain ignores a malformed address or number by itself.
    fn at(&mut self, place: &Place, key: &str, raw: &str) {
        let has_objects = raw.starts_with('{') || raw.starts_with('[') && raw.contains('{');
        let time = (place.kind == Kind::Time).then(|| Timestamp::parse(raw)).flatten();
        let fits = !has_objects
            && match place.kind {
                Kind::Text | Kind::Count | Kind::Double | Kind::Address => true,
                Kind::Bool => matches!(raw, "true" | "false" | "null"),
                Kind::Time => raw == "null" || time.is_some(),
            };
        if !fits {
            self.unmapped(key, raw);
            return;
        }
        self.body.extend_from_slice(&place.name);
        match time {
            Some(time) => {
                self.body.push(b'"');
                time.write_iso(self.body);
                self.body.push(b'"');
            }
            None => self.value(raw),
        }
    }

    fn unmapped(&mut self, key: &str, raw: &str) {
        let depth = raw.bytes().filter(|byte| matches!(byte, b'{' | b'[')).count();
        let is_overlong = key.len() + raw.len() > UNMAPPED_MAX || depth > UNMAPPED_DEPTH_MAX;
        let members = if is_overlong { &mut self.overlong } else { &mut self.unmapped };
        if !members.is_empty() {
            members.push(b',');
        }
        json::string(key, members);
        members.push(b':');
        members.extend(without_line_ends(raw));
    }
}

fn without_line_ends(raw: &str) -> impl Iterator<Item = u8> {
    raw.bytes().map(|byte| if matches!(byte, b'\n' | b'\r') { b' ' } else { byte })
}

/// Longest name and value below `unmapped`: each of its texts is one term of the index, and Lucene takes 32,766 bytes.
const UNMAPPED_MAX: usize = 8_000;

/// Most brackets in a value below `unmapped`.
const UNMAPPED_DEPTH_MAX: usize = 32;
