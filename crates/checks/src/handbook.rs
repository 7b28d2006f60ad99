//! The handbook: what an on-call engineer does when an alarm of a stack fires.
//!
//! In: `templates/handbook.yaml` and rendered templates. Out: a stack's alarms, each with its reason, its condition and its
//! entry filled in for the tenant; and findings, for alarms without an entry (TN4017) and for entries that are faulty or belong
//! to no alarm (TN4018).

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use globset::{Glob, GlobMatcher};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use crate::resources;
use tenantry_base::Document;
use tenantry_base::finding::{Code, Finding, Source, nearest};
use tenantry_template::embedded;
use tenantry_template::render::{Context, RenderedTenant, Template};

/// Path of the handbook in an estate and in the binary.
pub const PATH: &str = "templates/handbook.yaml";

/// Alarms, by their types.
const METRIC: &str = "AWS::CloudWatch::Alarm";
const COMPOSITE: &str = "AWS::CloudWatch::CompositeAlarm";

const KEYS: [&str; 5] = ["threshold", "means", "look", "mitigate", "escalate"];

/// The handbook of an estate's blueprint.
#[derive(Debug)]
pub struct Handbook {
    document: Document,
    entries: Vec<Pattern>,
}

/// An entry as it is written: with names in the place of values.
#[derive(Debug)]
struct Pattern {
    key: String,
    matcher: GlobMatcher,
    threshold: Option<String>,
    entry: Entry,
}

/// What to do when an alarm fires.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Entry {
    /// What the alarm means.
    pub means: String,
    /// Diagnostic steps, in order; a command begins with `$ `.
    pub look: Vec<String>,
    /// Steps that mitigate the incident, in order; a command begins with `$ `.
    pub mitigate: Vec<String>,
    /// When to escalate, and to whom.
    pub escalate: String,
}

/// An alarm of a stack.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Alarm {
    /// Logical ID in the template.
    pub logical_id: String,
    /// Name of the alarm; null if CloudFormation generates it.
    pub name: Option<String>,
    /// Description of the alarm.
    pub reason: String,
    /// Metric, comparison and evaluation periods: `Maximum of ApproximateNumberOfMessagesVisible > 0, for 1 of 1 periods of 60 s`.
    pub condition: String,
    /// Threshold in the metric's unit; null if the template has none.
    pub threshold: Option<f64>,
    /// Dimensions of the metric; a name that is only known after deployment is the logical ID in angle brackets.
    pub watches: BTreeMap<String, String>,
}

/// An alarm with its runbook entry.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Described {
    #[serde(flatten)]
    pub alarm: Alarm,
    /// Name of the derived value that is the threshold; null if there is none.
    pub derived: Option<String>,
    /// Runbook entry from `templates/handbook.yaml`; null if there is none.
    pub entry: Option<Entry>,
}

impl Handbook {
    /// The handbook of the estate below `root`; that of the binary where the estate has no templates of its own. None where
    /// there is none.
    ///
    /// # Errors
    /// TN4018 for each fault, at its place; a file that cannot be read.
    pub fn load(root: &Path) -> Result<Option<Self>, Vec<Finding>> {
        let source = embedded::handbook(root).map_err(|error| vec![Finding::new(Code::TN4018, error.to_string())])?;
        source.map(Self::parse).transpose()
    }

    /// Reads a handbook.
    ///
    /// # Errors
    /// TN4018 for each fault, at its place.
    pub fn parse(source: Arc<Source>) -> Result<Self, Vec<Finding>> {
        let document = Document::parse(source).map_err(|fault| vec![fault])?;
        let (mut entries, mut faults) = (Vec::new(), Vec::new());
        let fault = |route: &str, message: String| Finding::new(Code::TN4018, message).at(document.nearest(route));
        let none = serde_json::Map::new();
        let map = match &document.value {
            Value::Object(map) => map,
            Value::Null => &none,
            _ => {
                faults.push(fault("", "the handbook must be a map from alarms to entries".to_owned()));
                &none
            }
        };
        for (key, value) in map {
            let Value::Object(fields) = value else {
                faults.push(fault(key, "an entry must be a map".to_owned()));
                continue;
            };
            for field in fields.keys().filter(|field| !KEYS.contains(&field.as_str())) {
                let near = nearest(field, KEYS.into_iter());
                faults.push(fault(&format!("{key}.{field}"), format!("unknown field `{field}`{near}")));
            }
            let text = |field: &str| fields.get(field).and_then(Value::as_str).map(|text| text.trim().to_owned());
            let steps = |field: &str| {
                let steps = fields.get(field)?.as_array()?;
                steps.iter().map(|step| step.as_str().map(str::to_owned)).collect::<Option<Vec<String>>>()
            };
            if let (Some(means), Some(look), Some(mitigate), Some(escalate), Ok(glob)) =
                (text("means"), steps("look"), steps("mitigate"), text("escalate"), Glob::new(key))
            {
                let (key, matcher) = (key.clone(), glob.compile_matcher());
                let entry = Entry { means, look, mitigate, escalate };
                entries.push(Pattern { key, matcher, threshold: text("threshold"), entry });
            } else {
                let message =
                    "an entry needs the texts `means` and `escalate`, and the lists of texts `look` and `mitigate`";
                faults.push(fault(key, message.to_owned()));
            }
        }
        if faults.is_empty() { Ok(Self { document, entries }) } else { Err(faults) }
    }

    /// The entry of an alarm: that of its own name, else the one whose pattern says most.
    fn of(&self, logical_id: &str) -> Option<&Pattern> {
        let fits = self.entries.iter().filter(|entry| entry.matcher.is_match(logical_id));
        fits.max_by_key(|entry| (entry.key == logical_id, entry.key.len()))
    }

    /// What the handbook says of an alarm, filled in. Names that have no value stay as they are.
    fn annotate(&self, alarm: Alarm, context: &Context) -> Described {
        let Some(found) = self.of(&alarm.logical_id) else { return Described { alarm, derived: None, entry: None } };
        let fill = |text: &String| filled(text, &|name| value(name, &alarm, context), &mut |_| {});
        let fill_all = |steps: &[String]| steps.iter().map(fill).collect();
        let entry = Entry {
            means: fill(&found.entry.means),
            look: fill_all(&found.entry.look),
            mitigate: fill_all(&found.entry.mitigate),
            escalate: fill(&found.entry.escalate),
        };
        Described { alarm, derived: found.threshold.clone(), entry: Some(entry) }
    }
}

/// The alarms of a tenant's stack in the order of their logical IDs, with what the handbook says of each.
pub fn annotated_alarms(handbook: Option<&Handbook>, tree: &Value, context: &Context) -> Vec<Described> {
    let described = |alarm| match handbook {
        Some(handbook) => handbook.annotate(alarm, context),
        None => Described { alarm, derived: None, entry: None },
    };
    alarms(tree).into_iter().map(described).collect()
}

/// What is wrong between a handbook and the alarms of rendered tenants: of each shape of template one is looked at. `context`
/// is that of the first of them.
pub fn check(
    handbook: Option<&Handbook>,
    templates: &[Arc<Source>],
    rendered: &[RenderedTenant<'_>],
    context: Option<&Context>,
) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut forms = BTreeSet::new();
    let mut seen: BTreeSet<String> = BTreeSet::new();
    let mut without: Vec<Finding> = Vec::new();
    for (index, one) in rendered.iter().enumerate() {
        let is_new = forms.insert(Arc::as_ptr(&one.template.form));
        if !is_new && index > 0 {
            continue;
        }
        let alarms = alarms(&one.template.tree());
        for alarm in &alarms {
            if seen.insert(alarm.logical_id.clone()) && handbook.and_then(|book| book.of(&alarm.logical_id)).is_none() {
                without.push(no_entry(alarm, &one.template));
            }
        }
        if let (0, Some(handbook), Some(context)) = (index, handbook, context) {
            findings.extend(handbook.faults(&alarms, context));
        }
    }
    match (handbook, without.len()) {
        // An estate of before has no handbook at all, which is one finding.
        (None, 1..) => {
            let count = without.len();
            let alarms = if count == 1 { "alarm has" } else { "alarms have" };
            let message = format!("{PATH} does not exist, so {count} {alarms} no entry");
            let help = "write it, or take that of the blueprint with `tenantry init --upgrade`";
            findings.push(Finding::new(Code::TN4017, message).with_help(help));
        }
        _ => findings.extend(without),
    }
    if let Some(handbook) = handbook.filter(|_| !rendered.is_empty()) {
        findings.extend(handbook.idle(&seen, templates));
    }
    findings
}

/// What is wrong between a handbook and the alarms of a control plane.
pub fn check_control_plane(handbook: &Handbook, template: &Template, context: &Context) -> Vec<Finding> {
    let alarms = alarms(&template.tree());
    let without = alarms.iter().filter(|alarm| handbook.of(&alarm.logical_id).is_none());
    let mut findings: Vec<Finding> = without.map(|alarm| no_entry(alarm, template)).collect();
    findings.extend(handbook.faults(&alarms, context));
    findings
}

fn no_entry(alarm: &Alarm, template: &Template) -> Finding {
    let finding = Finding::new(Code::TN4017, format!("alarm `{}` has no entry in {PATH}", alarm.logical_id))
        .with_help("say what it means, what to look at first, what mitigates, and when to escalate");
    let origin = template.form.provenance.resources.get(&alarm.logical_id);
    origin.map(|origin| origin.location.clone()).into_iter().fold(finding, Finding::at)
}

impl Handbook {
    /// Names that have no value, and thresholds that are not what the entry says, for one tenant's alarms.
    fn faults(&self, alarms: &[Alarm], context: &Context) -> Vec<Finding> {
        let mut found = Vec::new();
        let mut reported: BTreeSet<(String, String)> = BTreeSet::new();
        for alarm in alarms {
            let Some(pattern) = self.of(&alarm.logical_id) else { continue };
            let mut fault = |field: &str, message: String| {
                let route = format!("{}.{field}", pattern.key);
                if reported.insert((route.clone(), message.clone())) {
                    found.push(Finding::new(Code::TN4018, message).at(self.document.nearest(&route)));
                }
            };
            let fields = [
                ("means", std::slice::from_ref(&pattern.entry.means)),
                ("look", &pattern.entry.look),
                ("mitigate", &pattern.entry.mitigate),
                ("escalate", std::slice::from_ref(&pattern.entry.escalate)),
            ];
            for (field, texts) in fields {
                for text in texts {
                    filled(text, &|name| value(name, alarm, context), &mut |name| {
                        fault(field, format!("`${{{name}}}` has no value for alarm `{}`", alarm.logical_id));
                    });
                }
            }
            if let Some(name) = &pattern.threshold {
                let derived = context.value(name).and_then(|text| text.parse::<f64>().ok());
                if derived.is_none() || derived != alarm.threshold {
                    let of = alarm.threshold.map_or_else(|| "none".to_owned(), |number| number.to_string());
                    let said = derived.map_or_else(|| "no derived value".to_owned(), |number| number.to_string());
                    let message =
                        format!("the threshold of alarm `{}` is {of}, but `{name}` is {said}", alarm.logical_id);
                    fault("threshold", message);
                }
            }
        }
        found
    }

    /// Entries that belong to no alarm. An alarm that no tenant has now may stand in the templates for another shape.
    fn idle(&self, alarms: &BTreeSet<String>, templates: &[Arc<Source>]) -> Vec<Finding> {
        let is_idle = |pattern: &&Pattern| {
            let named = pattern.key.split('*').filter(|part| !part.is_empty());
            let stands = named.clone().next().is_some()
                && templates.iter().any(|source| named.clone().all(|part| source.text.contains(part)));
            !stands && !alarms.iter().any(|id| pattern.matcher.is_match(id))
        };
        let finding = |pattern: &Pattern| {
            Finding::new(Code::TN4018, format!("no template has an alarm `{}`", pattern.key))
                .at(self.document.nearest(&pattern.key))
                .with_help("delete the entry, or correct the logical ID")
        };
        self.entries.iter().filter(is_idle).map(finding).collect()
    }
}

/// Whether a type of resources is an alarm.
pub fn is_alarm(kind: &str) -> bool {
    [METRIC, COMPOSITE].contains(&kind)
}

/// The alarms of a template, in the order of their logical IDs.
pub fn alarms(tree: &Value) -> Vec<Alarm> {
    let Some(resources) = tree["Resources"].as_object() else { return Vec::new() };
    let alarms = resources.iter().filter(|(_, one)| one["Type"].as_str().is_some_and(is_alarm));
    let mut alarms: Vec<Alarm> = alarms.map(|(id, one)| alarm(id, &one["Properties"], resources)).collect();
    alarms.sort_by(|a, b| a.logical_id.cmp(&b.logical_id));
    alarms
}

fn alarm(id: &str, properties: &Value, resources: &serde_json::Map<String, Value>) -> Alarm {
    let text = |key: &str| properties[key].as_str().map(str::to_owned);
    let number = |key: &str| properties[key].as_f64().or_else(|| properties[key].as_str()?.parse().ok());
    let metrics = properties["Metrics"].as_array().map(Vec::as_slice).unwrap_or_default();
    let stats: Vec<&Value> =
        metrics.iter().map(|metric| &metric["MetricStat"]).filter(|stat| stat.is_object()).collect();
    let lists = stats.iter().map(|stat| &stat["Metric"]["Dimensions"]).chain([&properties["Dimensions"]]);
    let dimensions = lists.filter_map(Value::as_array).flatten();
    let watches =
        dimensions.filter_map(|one| Some((one["Name"].as_str()?.to_owned(), named(&one["Value"], resources))));
    let expression =
        metrics.iter().find(|metric| metric["ReturnData"] != false).and_then(|one| one["Expression"].as_str());
    let what = match (&expression, text("MetricName")) {
        (Some(expression), _) => (*expression).to_owned(),
        (None, Some(metric)) => {
            let how = text("Statistic").or_else(|| text("ExtendedStatistic")).unwrap_or_default();
            format!("{how} of {metric}")
        }
        (None, None) => named(&properties["AlarmRule"], resources),
    };
    let threshold = number("Threshold");
    let compared = match (properties["ComparisonOperator"].as_str(), threshold) {
        (Some(operator), Some(threshold)) => format!(" {} {threshold}", sign(operator)),
        _ => String::new(),
    };
    let period = number("Period").or_else(|| stats.iter().filter_map(|stat| stat["Period"].as_f64()).reduce(f64::max));
    let periods = number("EvaluationPeriods").unwrap_or(1.0);
    let lasts = period.map_or_else(String::new, |period| {
        let of = number("DatapointsToAlarm").unwrap_or(periods);
        let missing = match properties["TreatMissingData"].as_str() {
            Some("breaching") => "; no data counts as well",
            Some("notBreaching") => "; no data is OK",
            _ => "; no data is INSUFFICIENT_DATA",
        };
        format!(", for {of} of {periods} periods of {period} s{missing}")
    });
    Alarm {
        logical_id: id.to_owned(),
        name: text("AlarmName"),
        reason: text("AlarmDescription").unwrap_or_default(),
        condition: format!("{what}{compared}{lasts}"),
        threshold,
        watches: watches.collect(),
    }
}

/// The sign of a comparison. Source: Amazon CloudWatch API Reference, PutMetricAlarm, ComparisonOperator.
fn sign(operator: &str) -> &str {
    match operator {
        "GreaterThanThreshold" => ">",
        "GreaterThanOrEqualToThreshold" => "≥",
        "LessThanThreshold" => "<",
        "LessThanOrEqualToThreshold" => "≤",
        other => other,
    }
}

/// A text, or the name that the resource has to which a function refers: that in its property, else its logical ID.
fn named(value: &Value, resources: &serde_json::Map<String, Value>) -> String {
    let of = |id: &str| {
        let name = resources.get(id).and_then(|resource| {
            let (_, row) = resources::table().get(resource["Type"].as_str()?)?;
            resource["Properties"][&row.name.as_ref()?.property].as_str().map(str::to_owned)
        });
        name.unwrap_or_else(|| format!("<{id}>"))
    };
    let attribute = |value: &Value| match value {
        Value::String(text) => text.split('.').next().map(str::to_owned),
        Value::Array(parts) => parts.first()?.as_str().map(str::to_owned),
        _ => None,
    };
    match value {
        Value::String(text) => text.clone(),
        Value::Object(map) => match map.iter().next() {
            Some((key, Value::String(id))) if key == "Ref" => of(id),
            Some((key, value)) if key == "Fn::GetAtt" => {
                attribute(value).map_or_else(|| value.to_string(), |id| of(&id))
            }
            Some((key, Value::String(text))) if key == "Fn::Sub" => filled(text, &|name| Some(of(name)), &mut |_| {}),
            _ => value.to_string(),
        },
        other => other.to_string(),
    }
}

/// What a name in an entry stands for: of the alarm itself, else what templates see.
fn value(name: &str, alarm: &Alarm, context: &Context) -> Option<String> {
    match name.strip_prefix("alarm.") {
        Some("name") => Some(alarm.name.clone().unwrap_or_else(|| format!("<{}>", alarm.logical_id))),
        Some(dimension) => alarm.watches.get(dimension).cloned(),
        None => context.value(name),
    }
}

/// A text with values in the place of `${name}`; a name without one stays, and is reported.
fn filled(text: &str, value: &dyn Fn(&str) -> Option<String>, missing: &mut dyn FnMut(&str)) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("${") {
        let Some((name, behind)) = after.split_once('}') else { break };
        out.push_str(before);
        match value(name) {
            Some(value) => out.push_str(&value),
            None => {
                missing(name);
                out.push_str(&format!("${{{name}}}"));
            }
        }
        rest = behind;
    }
    out + rest
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn parse(text: &str) -> Result<Handbook, Vec<String>> {
        Handbook::parse(Arc::new(Source { path: PATH.into(), text: text.to_owned() })).map_err(|found| {
            let place = |one: &Finding| one.location.as_ref().map_or((0, 0), |at| (at.line, at.column));
            found.iter().map(|one| format!("{}:{} {}", place(one).0, place(one).1, one.message)).collect()
        })
    }

    const ENTRY: &str = "{ means: it, look: [a], mitigate: [$ b], escalate: c }";

    #[test]
    fn conditions_say_what_is_compared_and_how_long() {
        let tree = json!({ "Resources": {
            "Parking": { "Type": "AWS::SQS::Queue", "Properties": { "QueueName": "org-acme-parking" } },
            "Domain": { "Type": "AWS::OpenSearchService::Domain", "Properties": {} },
            "Depth": { "Type": METRIC, "Properties": { "AlarmName": "org-acme-depth", "AlarmDescription": "parked",
                "MetricName": "Visible", "Statistic": "Maximum", "Period": 60, "EvaluationPeriods": 3,
                "DatapointsToAlarm": 2, "Threshold": "0", "ComparisonOperator": "GreaterThanThreshold",
                "TreatMissingData": "notBreaching",
                "Dimensions": [{ "Name": "QueueName", "Value": { "Fn::GetAtt": ["Parking", "QueueName"] } },
                    { "Name": "DomainName", "Value": { "Ref": "Domain" } }] } },
            "Sum": { "Type": METRIC, "Properties": { "Threshold": 5, "EvaluationPeriods": 1,
                "ComparisonOperator": "LessThanThreshold", "Metrics": [
                { "Id": "sum", "Expression": "a + b" },
                { "Id": "a", "ReturnData": false, "MetricStat": { "Period": 300, "Metric": { "Dimensions": [] } } } ] } },
            "All": { "Type": COMPOSITE, "Properties": { "AlarmRule": { "Fn::Sub": "ALARM(\"${Depth}\")" } } } } });
        let found = alarms(&tree);
        let conditions: Vec<&str> = found.iter().map(|alarm| alarm.condition.as_str()).collect();
        let expected = [
            "ALARM(\"org-acme-depth\")",
            "Maximum of Visible > 0, for 2 of 3 periods of 60 s; no data is OK",
            "a + b < 5, for 1 of 1 periods of 300 s; no data is INSUFFICIENT_DATA",
        ];
        assert_eq!(conditions, expected);
        let watches = [("DomainName", "<Domain>"), ("QueueName", "org-acme-parking")];
        let watches: BTreeMap<String, String> = watches.map(|(name, of)| (name.to_owned(), of.to_owned())).into();
        assert_eq!(found[1].watches, watches);
    }

    #[test]
    fn the_own_entry_counts_before_a_pattern_and_a_longer_pattern_before_a_shorter() {
        let book = parse(&format!("A*: {ENTRY}\nA*Depth: {ENTRY}\nAnyDepth: {ENTRY}\n")).unwrap();
        let key = |id: &str| book.of(id).map(|pattern| pattern.key.as_str());
        assert_eq!(
            [key("AnyDepth"), key("AllDepth"), key("Age"), key("B")],
            [Some("AnyDepth"), Some("A*Depth"), Some("A*"), None]
        );
    }

    #[test]
    fn entries_without_an_alarm_and_faulty_ones_are_named_at_their_places() {
        let book = parse(&format!("Depth: {ENTRY}\nGone: {ENTRY}\n\"*Other\": {ENTRY}\n")).unwrap();
        let template = Source { path: "templates/a.tera".into(), text: "  {{ f }}Other:\n".to_owned() };
        let idle = book.idle(&BTreeSet::from(["Depth".to_owned()]), &[Arc::new(template)]);
        let said: Vec<&str> = idle.iter().map(|finding| finding.message.as_str()).collect();
        assert_eq!(said, ["no template has an alarm `Gone`"]);
        assert_eq!(idle[0].location.as_ref().map(|at| at.line), Some(2));
        let faults = parse("A: 1\nB: { means: a, look: x, mitigate: [], escalate: b, loook: [] }\n").unwrap_err();
        assert_eq!(faults.len(), 3, "{faults:#?}");
        assert!(faults[1].starts_with("2:52 unknown field `loook`, did you mean `look`?"), "{faults:#?}");
    }

    #[test]
    fn names_without_a_value_stay_and_are_reported() {
        let mut missing = Vec::new();
        let value = |name: &str| (name == "a.b").then(|| "it".to_owned());
        let text = filled("x ${a.b} ${c} ${d", &value, &mut |name| missing.push(name.to_owned()));
        assert_eq!((text.as_str(), missing), ("x it ${c} ${d", vec!["c".to_owned()]));
    }
}
