//! The retrospective of an incident: a Markdown file with front matter, from what is known to what people must add.
//!
//! Pure. It is blameless: the timeline names no person, and closing warns of words that judge people.

use std::fmt::Write as _;
use std::sync::Arc;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use tenantry_base::Document;
use tenantry_base::finding::Source;

/// Name and version of the format.
pub const SCHEMA: &str = "tenantry/incident/v1";
/// Where retrospectives lie in an estate.
pub const FOLDER: &str = "incidents";

/// Sections that must be filled in.
const SECTIONS: [(&str, &str); 6] = [
    ("Summary", "What happened, in three sentences that a customer would understand."),
    ("Impact", "Who was affected, how, from when to when; what was late and what was lost."),
    ("Timeline", "Add what people saw and did, and why it made sense then. Times are UTC."),
    (
        "Contributing factors",
        "What made it possible and what made it last, as facts about systems and processes. There is rarely one cause.",
    ),
    ("Remediation", "What ended the harm, and what was tried before."),
    ("Action items", "What makes it less likely, shorter or milder. Each has an owner and a date (2026-12-24)."),
];
const SEVERITIES: [&str; 4] = ["SEV1", "SEV2", "SEV3", "SEV4"];
/// Words that judge people; a retrospective says what happened and what made it likely.
const JUDGING: [&str; 8] =
    ["should have", "careless", "human error", "negligen", "to blame", "fault of", "forgot to", "incompeten"];

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Moment {
    pub at: Timestamp,
    pub what: String,
    /// Who knows: `journal`, `alarm`.
    pub source: &'static str,
}

/// What a retrospective begins with.
#[derive(Debug, Clone)]
pub struct Draft<'a> {
    pub tenant: &'a str,
    pub title: &'a str,
    pub began: Timestamp,
    /// In any order.
    pub moments: Vec<Moment>,
    /// What could not be asked.
    pub unknown: Vec<String>,
    pub time_zone: &'a str,
}

/// The file of a new incident.
pub fn draft(draft: Draft<'_>) -> String {
    let Draft { tenant, title, began, mut moments, unknown, time_zone } = draft;
    let second = |at: Timestamp| at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
    let quoted = serde_json::Value::from(title).to_string();
    let mut out = format!(
        "---\nschema: {SCHEMA}\ntenant: {tenant}\ntitle: {quoted}\nstatus: open\nseverity: # {}\nbegan: {}\nended:\n---\n\n# {tenant}: {title}\n\n\
         > Blameless: this says what systems did and what people could know then. It names roles, not persons.\n",
        SEVERITIES.join(", "),
        second(began),
    );
    for (section, hint) in SECTIONS {
        let _ = write!(out, "\n## {section}\n\n<!-- {hint} -->\n");
        match section {
            "Timeline" => {
                moments.sort_by(|a, b| (a.at, &a.what).cmp(&(b.at, &b.what)));
                out.push_str("\n| when | what | source |\n|---|---|---|\n");
                for moment in &moments {
                    let what = moment.what.replace('|', "\\|").replace('\n', " ");
                    let _ = writeln!(out, "| {} | {what} | {} |", second(moment.at), moment.source);
                }
                for why in &unknown {
                    let _ = write!(out, "\nNot known: {}\n", why.replace('\n', " "));
                }
            }
            "Action items" => out.push_str("\n| action | owner | due |\n|---|---|---|\n"),
            _ => {}
        }
    }
    let local = TimeZone::get(time_zone)
        .map(|zone| format!("{} ({time_zone})", zone.to_datetime(began).strftime("%Y-%m-%d %H:%M")))
        .unwrap_or_else(|_| began.strftime("%Y-%m-%d %H:%M UTC").to_string());
    let _ = write!(
        out,
        "\n## Notice to the customer\n\n<!-- Ready to send once the angle brackets are filled in; times are the customer's. -->\n\n\
         Since {local} your service is affected: <what the customer sees>. Records that arrive are kept and will be processed. \
         We are working on it and write again by <time>.\n"
    );
    out
}

/// What is open in a retrospective: a line, from one, and what is missing.
pub type Open = Vec<(usize, String)>;

/// What must be filled in before it is closed, and the places whose wording judges people.
pub fn check(text: &str) -> (Open, Open) {
    let mut open = front_matter(text);
    let lines: Vec<&str> = text.lines().collect();
    let bare = without_comments(text);
    for (section, _) in SECTIONS {
        let Some(at) = lines.iter().position(|line| line.trim_end() == format!("## {section}")) else {
            open.push((lines.len().max(1), format!("the section `{section}` is missing")));
            continue;
        };
        let body: Vec<(usize, &str)> =
            bare.iter().enumerate().skip(at + 1).map(|(index, line)| (index + 1, line.as_str())).collect();
        let end = body.iter().position(|(_, line)| line.starts_with("## ")).unwrap_or(body.len());
        let body = &body[..end];
        let rows: Vec<(usize, Vec<&str>)> =
            body.iter().filter_map(|(line, text)| Some((*line, cells(text)?))).skip(2).collect();
        let prose = body.iter().any(|(_, line)| !line.trim().is_empty() && cells(line).is_none());
        if section == "Action items" {
            open.extend(action_items(at + 1, &rows));
        } else if !prose && rows.is_empty() {
            open.push((at + 1, format!("the section `{section}` is empty")));
        }
    }
    open.sort();
    let judging = bare.iter().enumerate().flat_map(|(index, line)| {
        let lower = line.to_lowercase();
        let found = JUDGING.iter().filter(move |word| lower.contains(**word));
        found.map(move |word| {
            (index + 1, format!("`{word}` blames people: describe what happened and its contributing factors"))
        })
    });
    (open, judging.collect())
}

fn action_items(heading: usize, rows: &[(usize, Vec<&str>)]) -> Open {
    if rows.is_empty() {
        return vec![(heading, "there is no action item".to_owned())];
    }
    let mut open = Vec::new();
    for (line, row) in rows {
        let cell = |index: usize| row.get(index).copied().unwrap_or_default();
        for (index, name) in ["action", "owner", "due date"].into_iter().enumerate() {
            if cell(index).is_empty() {
                open.push((*line, format!("an action item has no {name}")));
            }
        }
        if !cell(2).is_empty() && cell(2).parse::<Date>().is_err() {
            open.push((*line, format!("`{}` is not a date such as 2026-12-24", cell(2))));
        }
    }
    open
}

/// The cells of a row of a table.
fn cells(line: &str) -> Option<Vec<&str>> {
    let inside = line.trim().strip_prefix('|')?.strip_suffix('|')?;
    Some(inside.split('|').map(str::trim).collect())
}

/// The lines, with nothing in the place of comments.
fn without_comments(text: &str) -> Vec<String> {
    let mut inside = false;
    let bare = |line: &str| {
        let (mut kept, mut rest) = (String::new(), line);
        loop {
            match (inside, rest.find(if inside { "-->" } else { "<!--" })) {
                (true, Some(end)) => (inside, rest) = (false, &rest[end + 3..]),
                (false, Some(begin)) => {
                    kept.push_str(&rest[..begin]);
                    (inside, rest) = (true, &rest[begin + 4..]);
                }
                (true, None) => return kept,
                (false, None) => return kept + rest,
            }
        }
    };
    text.lines().map(bare).collect()
}

/// The front matter: begins and ends with a line of three dashes.
fn front_matter(text: &str) -> Open {
    let Some((head, _)) = text.strip_prefix("---\n").and_then(|rest| rest.split_once("\n---\n")) else {
        return vec![(1, "there is no front matter between two lines `---`".to_owned())];
    };
    // A line in the place of the first `---` keeps the numbers of lines.
    let source = Source { path: "incident".into(), text: format!("#\n{head}\n") };
    let document = match Document::parse(Arc::new(source)) {
        Ok(document) => document,
        Err(fault) => {
            let line = fault.location.as_ref().map_or(1, |at| at.line);
            return vec![(line, fault.message)];
        }
    };
    let said = |key: &str| document.value[key].as_str().unwrap_or_default().to_owned();
    let line = |key: &str| document.nearest(key).line;
    let mut open = Vec::new();
    if !SEVERITIES.contains(&said("severity").as_str()) {
        open.push((line("severity"), format!("`severity` must be one of {}", SEVERITIES.join(", "))));
    }
    match (said("began").parse::<Timestamp>(), said("ended").parse::<Timestamp>()) {
        (Ok(began), Ok(ended)) if ended >= began => {}
        (Ok(_), Ok(_)) => open.push((line("ended"), "`ended` is before `began`".to_owned())),
        (began, ended) => {
            for (key, is_wrong) in [("began", began.is_err()), ("ended", ended.is_err())] {
                if is_wrong {
                    open.push((line(key), format!("`{key}` must be a time such as 2026-11-30T04:10:00Z")));
                }
            }
        }
    }
    if said("status") != "open" {
        open.push((line("status"), "`status` is not `open`".to_owned()));
    }
    open
}

/// The same text, closed on a day.
pub fn closed(text: &str, on: Date) -> String {
    text.replacen("\nstatus: open\n", &format!("\nstatus: closed\nclosed: {on}\n"), 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn new() -> String {
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        let moment = |when: &str, what: &str| Moment { at: at(when), what: what.to_owned(), source: "alarm" };
        draft(Draft {
            tenant: "acme",
            title: "search \"red\"",
            began: at("2026-11-30T03:00:00Z"),
            moments: vec![moment("2026-11-30T03:05:00Z", "b | c"), moment("2026-11-30T03:00:00Z", "a")],
            unknown: vec!["the history".to_owned()],
            time_zone: "Europe/Zagreb",
        })
    }

    #[test]
    fn a_new_one_is_open_in_every_section_that_people_fill_in() {
        let text = new();
        assert!(
            text.contains("| 2026-11-30T03:00:00Z | a | alarm |\n| 2026-11-30T03:05:00Z | b \\| c | alarm |"),
            "{text}"
        );
        assert!(text.contains("Since 2026-11-30 04:00 (Europe/Zagreb) your service is affected"), "{text}");
        let (open, judging) = check(&text);
        let said: Vec<&str> = open.iter().map(|(_, what)| what.as_str()).collect();
        assert_eq!(
            said,
            [
                "`severity` must be one of SEV1, SEV2, SEV3, SEV4",
                "`ended` must be a time such as 2026-11-30T04:10:00Z",
                "the section `Summary` is empty",
                "the section `Impact` is empty",
                "the section `Contributing factors` is empty",
                "the section `Remediation` is empty",
                "there is no action item",
            ]
        );
        assert_eq!((open[0].0, open[1].0), (6, 8));
        assert_eq!(judging, []);
    }

    #[test]
    fn one_that_is_filled_in_is_closed_and_actions_need_owner_and_date() {
        let mut text =
            new().replace("severity: #", "severity: SEV2 #").replace("ended:\n", "ended: 2026-11-30T05:00:00Z\n");
        for section in ["Summary", "Impact", "Contributing factors", "Remediation"] {
            text = text.replace(&format!("## {section}\n"), &format!("## {section}\n\nIt is said.\n"));
        }
        let rows = "| action | owner | due |\n|---|---|---|\n";
        let with = |row: &str| text.replace(rows, &format!("{rows}{row}\n"));
        let whole = with("| alarm on shards | search team | 2026-12-24 |");
        assert_eq!(check(&whole), (Vec::new(), Vec::new()));
        assert!(closed(&whole, "2026-12-01".parse().unwrap()).contains("\nstatus: closed\nclosed: 2026-12-01\n"));
        let said = |text: &str| check(text).0.into_iter().map(|(_, what)| what).collect::<Vec<_>>();
        assert_eq!(
            said(&with("| alarm on shards |  | soon |")),
            ["`soon` is not a date such as 2026-12-24", "an action item has no owner"]
        );
        let judging = check(&whole.replace("It is said.", "Someone should have looked.")).1;
        assert!(judging[0].1.contains("`should have`"), "{judging:?}");
    }
}
