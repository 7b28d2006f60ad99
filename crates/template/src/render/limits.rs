//! Limits of a rendering: how long loops run, how much text they give, how large a value may become.
//!
//! Tera has none. A template's text is therefore metered before it is parsed: each pass of a loop, each partial and each
//! component takes fuel by the length of its text, and each value that is set is measured. The marks print nothing, and stand
//! on lines that there are. Filters by which one value could grow many times are replaced by ones that measure.

use std::cell::Cell;
use std::io::{self, Write};
use std::sync::Arc;

use tera::{Error, Kwargs, State, Tera, TeraResult, Value};

use super::decisions::{Kind, blocks};
use tenantry_base::finding::{Code, Finding, Location, Source};

/// Bytes of loops, partials and components that one rendering may run through.
const MOST_FUEL: usize = 16 << 20;
/// What a pass costs beside its text.
const PASS: usize = 64;
/// Bytes of text that one rendering may give; CloudFormation takes a quarter of it.
const MOST_TEXT: usize = 4 << 20;
/// Bytes, or items, of a value that a template sets.
const MOST_VALUE: usize = 16 << 10;
/// Bytes of one expression or statement.
const MOST_BLOCK: usize = 4 << 10;

const STEP: &str = "tenantry_step";
const SIZE: &str = "tenantry_size";

thread_local! {
    static FUEL: Cell<usize> = const { Cell::new(0) };
    /// The limit that stopped a rendering.
    static REACHED: Cell<Option<&'static str>> = const { Cell::new(None) };
}

/// Starts the meter of a rendering on this thread.
pub(super) fn start() {
    FUEL.set(MOST_FUEL);
    REACHED.set(None);
}

/// The limit that the last rendering on this thread ran into.
pub(super) fn reached() -> Option<&'static str> {
    REACHED.get()
}

fn stop<T>(limit: &'static str) -> TeraResult<T> {
    REACHED.set(Some(limit));
    Err(Error::message(limit))
}

/// Expressions and statements that are too long.
pub(super) fn check(source: &Arc<Source>) -> Vec<Finding> {
    let long = blocks(&source.text).into_iter().filter(|(_, _, body)| body.len() > MOST_BLOCK);
    let finding = |(start, _, body): (usize, Kind, &str)| {
        let message = format!("an expression has {} bytes, at most {MOST_BLOCK} are taken", body.len());
        Finding::new(Code::TN3012, message).at(Location::new(Arc::clone(source), start..start + 2))
    };
    long.map(finding).collect()
}

/// A template's text with marks that take fuel and measure values.
pub(super) fn metered(text: &str) -> String {
    let mut marks: Vec<(usize, String)> = Vec::new();
    let (mut loops, mut captures): (Vec<usize>, Vec<String>) = (Vec::new(), Vec::new());
    let mut extends = false;
    for (start, kind, body) in blocks(text) {
        if kind != Kind::Statement {
            continue;
        }
        let after = start + body.len() + 4;
        let code = body.trim_matches(['-', ' ', '\n', '\t', '\r']);
        let (word, rest) = code.split_once(char::is_whitespace).unwrap_or((code, ""));
        let mut mark = |call: String| {
            let trim = if body.ends_with('-') { "-" } else { "" };
            marks.push((after, format!("{{{{ {call} {trim}}}}}")));
        };
        match word {
            "for" | "component" => {
                mark(String::new());
                loops.push(marks.len() - 1);
            }
            "endfor" | "endcomponent" => {
                if let Some((opened, mark)) = loops.pop().map(|index| (marks[index].0, &mut marks[index].1)) {
                    *mark = mark.replacen(
                        "{{  ",
                        &format!("{{{{ {STEP}(cost={}) ", PASS + start.saturating_sub(opened)),
                        1,
                    );
                }
            }
            "set" | "set_global" => match rest.split_once('=') {
                Some((name, _)) => mark(format!("{SIZE}(of={})", name.trim())),
                None => captures.push(rest.split('|').next().unwrap_or(rest).trim().to_owned()),
            },
            "endset" => {
                if let Some(name) = captures.pop() {
                    mark(format!("{SIZE}(of={name})"));
                }
            }
            "extends" => extends = true,
            _ => {}
        }
    }
    // A loop that does not end is Tera's to tell.
    marks.retain(|(_, mark)| !mark.starts_with("{{  "));
    let mut metered = String::with_capacity(text.len() + 64 * (marks.len() + 1));
    if !extends {
        metered.push_str(&format!("{{{{ {STEP}(cost={}) }}}}", PASS + text.len()));
    }
    let mut at = 0;
    for (place, mark) in marks {
        metered.push_str(&text[at..place]);
        metered.push_str(&mark);
        at = place;
    }
    metered + &text[at..]
}

/// Gives Tera what the marks call, and the filters that measure.
pub(super) fn install(tera: &mut Tera) {
    tera.register_function(STEP, |kwargs: Kwargs, _: &State<'_>| {
        match FUEL.get().checked_sub(kwargs.must_get::<usize>("cost")?) {
            Some(left) => {
                FUEL.set(left);
                Ok(Value::from(""))
            }
            None => stop("the template runs through too many loops or partials"),
        }
    });
    tera.register_function(SIZE, |kwargs: Kwargs, _: &State<'_>| {
        let mut left = MOST_VALUE;
        match measure(&kwargs.must_get::<Value>("of")?, &mut left) {
            true => Ok(Value::from("")),
            false => stop("a value has more than 16 KiB"),
        }
    });
    tera.register_filter("replace", |text: String, kwargs: Kwargs, _: &State<'_>| {
        let (from, to) = (kwargs.must_get::<String>("from")?, kwargs.must_get::<String>("to")?);
        let count = if from.is_empty() { text.chars().count() + 1 } else { text.matches(&from).count() };
        match text.len() + count.saturating_mul(to.len()) > MOST_TEXT {
            true => stop("a value has more than 4 MiB"),
            false => Ok(text.replace(&from, &to)),
        }
    });
    tera.register_filter("join", |items: Vec<Value>, kwargs: Kwargs, _: &State<'_>| {
        let between = kwargs.get::<String>("sep")?.unwrap_or_default();
        let mut text = String::new();
        for (index, item) in items.iter().enumerate() {
            if index > 0 {
                text.push_str(&between);
            }
            text.push_str(&item.to_string());
            if text.len() > MOST_TEXT {
                return stop("a value has more than 4 MiB");
            }
        }
        Ok(text)
    });
    tera.register_filter("indent", |text: String, kwargs: Kwargs, _: &State<'_>| {
        let width = kwargs.get::<usize>("width")?.unwrap_or(4);
        let with = kwargs.get::<String>("indentation")?.unwrap_or_else(|| " ".to_owned());
        let (first, blank) =
            (kwargs.get::<bool>("first")?.unwrap_or(false), kwargs.get::<bool>("blank")?.unwrap_or(false));
        let more = text.lines().count().saturating_mul(width).saturating_mul(with.len());
        if text.len().saturating_add(more) > MOST_TEXT {
            return stop("a value has more than 4 MiB");
        }
        let margin = with.repeat(width);
        let lines = text.split('\n').enumerate().map(|(index, line)| match (index, line.is_empty()) {
            (0, _) if !first => line.to_owned(),
            (1.., true) if !blank => String::new(),
            _ => format!("{margin}{line}"),
        });
        Ok(lines.collect::<Vec<_>>().join("\n"))
    });
}

/// Takes the bytes and items of a value from what is left; false where that is not enough.
fn measure(value: &Value, left: &mut usize) -> bool {
    let mut take = |size: usize| {
        let enough = *left >= size;
        *left = left.saturating_sub(size);
        enough
    };
    if let Some(text) = value.as_str() {
        return take(text.len());
    }
    let enough = take(1);
    if let Some(items) = value.as_array() {
        return enough && items.iter().all(|item| measure(item, left));
    }
    if let Some(map) = value.as_map() {
        return enough && map.values().all(|item| measure(item, left));
    }
    enough
}

/// Text up to the limit.
#[derive(Default)]
pub(super) struct Text(Vec<u8>);

impl Text {
    pub(super) fn into_string(self) -> String {
        String::from_utf8(self.0).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
    }
}

impl Write for Text {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.0.len() + bytes.len() > MOST_TEXT {
            REACHED.set(Some("the template gives more than 4 MiB of text"));
            return Err(io::Error::other("too much text"));
        }
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::TemplateSet;

    fn rendered(texts: &[&str]) -> Result<String, Finding> {
        let source = |(index, text): (usize, &&str)| {
            let path = if index == 0 {
                "templates/tenant.yaml.tera".into()
            } else {
                format!("templates/part{index}.tera").into()
            };
            Arc::new(Source { path, text: (*text).to_owned() })
        };
        let set =
            TemplateSet::parse(texts.iter().enumerate().map(source).collect()).map_err(|mut found| found.remove(0))?;
        set.text("tenant.yaml.tera", &serde_json::json!({ "shape": { "zones": ["a", "b", "c"] } }))
    }

    #[test]
    fn marks_print_nothing() {
        for (text, expected) in [
            ("a\n{% for zone in shape.zones %}\n  {{ zone }}\n{% endfor %}\n", "a\n\n  a\n\n  b\n\n  c\n\n"),
            ("{% for zone in shape.zones -%}\n  {{ zone }}\n{%- endfor %}", "abc"),
            ("{#- c -#}\n{% set a = \"b\" %}{{ a }}{% set c -%} d {% endset %}{{ c }}", "bd "),
            (
                "{{ shape.zones | join(sep=\", \") }}{{ \"a\nb\" | indent(width=2) }}{{ \"aa\" | replace(from=\"a\", to=\"bc\") }}",
                "a, b, ca\\n  bbcbc",
            ),
        ] {
            assert_eq!(rendered(&[text]).unwrap(), expected, "{text}");
        }
    }

    #[test]
    fn what_would_never_end_is_stopped_soon() {
        let doubled = format!("{{% set x = \"{}\" %}}{}", "y".repeat(60), "{% set x = x ~ x ~ x ~ x %}".repeat(16));
        let long = format!("{{{{ \"{}\" }}}}", "y".repeat(5_000));
        let printed = format!("{{% for a in range(end=2000) %}}{}{{% endfor %}}", "y".repeat(4_000));
        let twice = |part: usize| format!("{{% include \"part{part}.tera\" %}}{{% include \"part{part}.tera\" %}}");
        let mut partials: Vec<String> = (1..24).map(twice).collect();
        partials.push("end".to_owned());
        let partials: Vec<&str> = partials.iter().map(String::as_str).collect();
        let wide =
            "{% set a = [1,1,1,1,1,1,1,1] %}".to_owned() + &"{% set a = [a,a,a,a,a,a,a,a] %}".repeat(16) + "{{ a }}";
        let captured = "{% set a %}{% for b in range(end=100000) %}{{ \"yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy\" }}{% endfor %}{% endset %}";
        let replaced = "{% set x = \"yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy\" %}"
            .to_owned() + "{{ x" + &" | replace(from=\"y\", to=x)".repeat(12) + " }}";
        let loops = "{% for a in range(end=100000) %}{% for b in range(end=100000) %}{% endfor %}{% endfor %}";
        for (texts, expected) in [
            (vec![loops], "too many loops"),
            (vec![doubled.as_str()], "16 KiB"),
            (vec![long.as_str()], "an expression has"),
            (vec![printed.as_str()], "4 MiB"),
            (partials, "too many loops or partials"),
            (vec![wide.as_str()], "16 KiB"),
            (vec![captured], "16 KiB"),
            (vec![replaced.as_str()], "4 MiB"),
        ] {
            let finding = rendered(&texts).map(|text| text.len()).unwrap_err();
            assert_eq!(finding.code, Code::TN3012, "{finding:?}");
            assert!(finding.message.contains(expected), "{}", finding.message);
            assert!(finding.location.is_some(), "{}", finding.message);
        }
    }
}
