//! Sizes of the functions, by Little's law: functions at work = arrivals per second × seconds each takes.

use super::{Derived, MINUTES_PER_DAY, Work, inputs, whole};
use tenantry_spec::estate::spec::TenantSpec;

/// Megabytes of memory at which Lambda gives a function one whole vCPU.
/// Source: AWS Lambda Developer Guide, "Configure Lambda function memory".
const ONE_VCPU_MIB: u32 = 1769;
/// Longest time a function may run, and the shortest that we give it, in seconds.
/// Source: AWS Lambda Developer Guide, "Lambda quotas".
const LONGEST_SECONDS: f64 = 900.0;
const SHORTEST_SECONDS: f64 = 60.0;
/// Largest reserved concurrency that is ever derived; the account's own quota is weighed elsewhere.
const MOST_CONCURRENT: f64 = 100_000.0;
/// Longest visibility timeout of a queue. Source: Amazon SQS Developer Guide, "Amazon SQS message quotas".
const LONGEST_VISIBILITY_SECONDS: u32 = 43_200;

const PART_MIB: u32 = 64;
/// Objects per minute below which a rate is no rate.
const LEAST_FILES: f64 = 0.001;
/// How fast a function is at its worst.
pub(super) struct Rate {
    /// Of one vCPU, with room to spare: `make bench-pipeline` prints what it really is.
    mib_per_second: f64,
    /// Before the first byte: cold start and first requests.
    start_seconds: f64,
}

pub(super) const SPLITTER: Rate = Rate { mib_per_second: 100.0, start_seconds: 2.0 };
pub(super) const INGEST: Rate = Rate { mib_per_second: 8.0, start_seconds: 1.0 };

impl Rate {
    /// Seconds that `mib` take. Below one vCPU Lambda gives CPU in proportion to the memory; above it the rate is not
    /// counted on to grow.
    pub(super) fn seconds(&self, mib: f64, memory_mib: u32) -> f64 {
        let share = (f64::from(memory_mib) / f64::from(ONE_VCPU_MIB)).min(1.0);
        self.start_seconds + mib / (self.mib_per_second * share)
    }
}

/// What ingest sends at once, as `pipeline/README.md` has it: MiB of a bulk request, requests under way.
const BULK_MIB: f64 = 5.0;
const BULK_PARALLEL: f64 = 4.0;
/// Seconds until a search domain that is busy indexing answers a bulk request.
const BULK_ANSWER_SECONDS: f64 = 0.5;
/// Bursts and retries on top of the peak.
const PEAK_FACTOR: f64 = 2.0;
/// A function's timeout in multiples of the time it needs.
const TIMEOUT_FACTOR: f64 = 3.0;
/// Visibility timeout of a queue in multiples of the timeout of the function that it feeds.
/// Source: AWS Lambda Developer Guide, "Creating and configuring an Amazon SQS event source mapping".
const VISIBILITY_FACTOR: u32 = 6;
/// Minutes of parts that may wait for their retry before the alarm rings.
const RETRY_MINUTES: f64 = 5.0;

const LITTLE: &str = "⌈arrivals per minute / 60 × seconds each × peak factor⌉, at least least";
const LITTLE_SOURCE: &str = "Little's law; rates of one vCPU as measured by `make bench-pipeline`";

/// The sizes of both functions and their queues.
pub(super) struct Functions {
    pub(super) part_mib: Derived<u32>,
    pub(super) splitter: Function,
    pub(super) ingest: Function,
    pub(super) queue_visibility_seconds: Derived<u32>,
    pub(super) retry_depth_alarm: Derived<u32>,
}

pub(super) struct Function {
    pub(super) memory_mib: Derived<u32>,
    pub(super) timeout_seconds: Derived<u32>,
    pub(super) concurrency: Derived<u32>,
    pub(super) work: Work,
}

/// What makes one function's sizes.
struct Load {
    names: [&'static str; 3],
    /// Names of the numbers of [`Work`].
    work_names: [&'static str; 4],
    /// Route of the pinned memory, which changes how fast it is.
    pinned: &'static str,
    arrivals_per_minute: f64,
    mean_to_peak: f64,
    seconds_each: f64,
    /// How many of those seconds the function waits for somebody else.
    waiting_seconds: f64,
    waiting_formula: &'static str,
    waiting_inputs: Vec<(String, String)>,
    /// Fewest at work: one more than an event source mapping needs at least.
    least: f64,
}

fn mib_per_minute(spec: &TenantSpec) -> f64 {
    // `max` also takes what is no number to 0.
    (spec.ingest.peak_gib_per_minute * 1024.0).max(0.0)
}

/// Size of an object at the peak, MiB.
pub(super) fn object_mib(spec: &TenantSpec) -> f64 {
    mib_per_minute(spec) / spec.ingest.files_per_minute.max(LEAST_FILES)
}

pub(super) fn size(spec: &TenantSpec) -> Functions {
    let (ingest, pinned) = (&spec.ingest, &spec.overrides);
    let mib_per_minute = mib_per_minute(spec);
    let memory = |pinned: Option<u32>| pinned.unwrap_or(ONE_VCPU_MIB);
    let part_mib = Derived {
        name: "part_mib",
        value: PART_MIB,
        unit: "MiB",
        formula: "constant",
        inputs: Vec::new(),
        source: "large enough that starting a function costs little, small enough to end well within its timeout",
        depends_on: vec!["overrides.part_mib"],
        overridden: false,
    }
    .or(&pinned.part_mib);
    let files = ingest.files_per_minute.max(LEAST_FILES);
    let splitter = function(&Load {
        names: ["splitter_memory_mib", "splitter_timeout_seconds", "splitter_concurrency"],
        work_names: [
            "splitter_mean_per_day",
            "splitter_peak_per_day",
            "splitter_working_milliseconds",
            "splitter_waiting_milliseconds",
        ],
        pinned: "overrides.splitter_memory_mib",
        arrivals_per_minute: files,
        mean_to_peak: ingest.mean_to_peak,
        seconds_each: SPLITTER.seconds(object_mib(spec), memory(pinned.splitter_memory_mib)),
        waiting_seconds: SPLITTER.start_seconds,
        waiting_formula: "start and first requests",
        waiting_inputs: inputs(&[("start seconds", SPLITTER.start_seconds)]),
        least: 3.0,
    });
    let part = f64::from(part_mib.value);
    let parts_per_minute = (mib_per_minute / part).max(files);
    let work = function(&Load {
        names: ["ingest_memory_mib", "ingest_timeout_seconds", "ingest_concurrency"],
        work_names: [
            "ingest_mean_per_day",
            "ingest_peak_per_day",
            "ingest_working_milliseconds",
            "ingest_waiting_milliseconds",
        ],
        pinned: "overrides.ingest_memory_mib",
        arrivals_per_minute: parts_per_minute,
        mean_to_peak: ingest.mean_to_peak,
        seconds_each: INGEST.seconds(part, memory(pinned.ingest_memory_mib)),
        waiting_seconds: INGEST.start_seconds + (part / BULK_MIB).ceil() * BULK_ANSWER_SECONDS / BULK_PARALLEL,
        waiting_formula: "start and first requests + ⌈part / bulk⌉ × answer / parallel",
        waiting_inputs: inputs(&[
            ("start seconds", INGEST.start_seconds),
            ("part MiB", part),
            ("bulk MiB", BULK_MIB),
            ("answer seconds", BULK_ANSWER_SECONDS),
            ("parallel", BULK_PARALLEL),
        ]),
        least: 3.0,
    });
    let splitter = Function {
        memory_mib: splitter.memory_mib.or(&pinned.splitter_memory_mib),
        timeout_seconds: splitter.timeout_seconds.or(&pinned.splitter_timeout_seconds),
        concurrency: splitter.concurrency.or(&pinned.splitter_concurrency),
        work: splitter.work,
    };
    let work = Function {
        memory_mib: work.memory_mib.or(&pinned.ingest_memory_mib),
        timeout_seconds: work.timeout_seconds.or(&pinned.ingest_timeout_seconds),
        concurrency: work.concurrency.or(&pinned.ingest_concurrency),
        work: work.work,
    };
    Functions {
        queue_visibility_seconds: visibility(&splitter, &work),
        retry_depth_alarm: Derived {
            name: "retry_depth_alarm",
            value: whole(parts_per_minute * RETRY_MINUTES).clamp(10, 120_000),
            unit: "messages",
            formula: "⌈parts per minute × minutes⌉, at least 10",
            inputs: inputs(&[("parts per minute", parts_per_minute), ("minutes", RETRY_MINUTES)]),
            source: "more than five minutes of parts wait for their retry",
            depends_on: vec!["ingest.peak_gib_per_minute", "ingest.files_per_minute"],
            overridden: false,
        },
        part_mib,
        splitter,
        ingest: work,
    }
}

/// What a function does and for how long: what it is billed for.
fn billed(load: &Load) -> Work {
    let [mean, peak, working, waiting] = load.work_names;
    let per_day = load.arrivals_per_minute * MINUTES_PER_DAY;
    let waits = load.waiting_seconds.min(load.seconds_each);
    let derived = |name, value, unit, formula, inputs| Derived {
        name,
        value: whole(value),
        unit,
        formula,
        inputs,
        source: "what a function is billed for: it pays for waiting as for work",
        depends_on: vec!["ingest.peak_gib_per_minute", "ingest.files_per_minute", "overrides.part_mib", load.pinned],
        overridden: false,
    };
    let arrivals = |factor| inputs(&[("arrivals per minute", load.arrivals_per_minute), ("mean to peak", factor)]);
    Work {
        mean_per_day: derived(
            mean,
            per_day * load.mean_to_peak,
            "executions",
            "⌈arrivals per minute × mean to peak × 1,440⌉",
            arrivals(load.mean_to_peak),
        ),
        peak_per_day: derived(peak, per_day, "executions", "⌈arrivals per minute × 1,440⌉", arrivals(1.0)),
        working_milliseconds: derived(
            working,
            (load.seconds_each - waits) * 1000.0,
            "ms",
            "seconds each − seconds waited",
            inputs(&[("seconds each", load.seconds_each), ("seconds waited", waits)]),
        ),
        waiting_milliseconds: derived(waiting, waits * 1000.0, "ms", load.waiting_formula, load.waiting_inputs.clone()),
    }
}

fn function(load: &Load) -> Function {
    let [memory, timeout, concurrency] = load.names;
    let workload = vec!["ingest.peak_gib_per_minute", "ingest.files_per_minute", "overrides.part_mib", load.pinned];
    let at_work = load.arrivals_per_minute / 60.0 * load.seconds_each * PEAK_FACTOR;
    Function {
        work: billed(load),
        memory_mib: Derived {
            name: memory,
            value: ONE_VCPU_MIB,
            unit: "MiB",
            formula: "memory of one vCPU",
            inputs: Vec::new(),
            source: "AWS Lambda Developer Guide, \"Configure Lambda function memory\"",
            depends_on: Vec::new(),
            overridden: false,
        },
        timeout_seconds: Derived {
            name: timeout,
            value: whole((load.seconds_each * TIMEOUT_FACTOR).clamp(SHORTEST_SECONDS, LONGEST_SECONDS)),
            unit: "s",
            formula: "⌈seconds each × timeout factor⌉, 60 to 900",
            inputs: inputs(&[("seconds each", load.seconds_each), ("timeout factor", TIMEOUT_FACTOR)]),
            source: "AWS Lambda Developer Guide, \"Lambda quotas\"",
            depends_on: workload.clone(),
            overridden: false,
        },
        concurrency: Derived {
            name: concurrency,
            value: whole(at_work.max(load.least).min(MOST_CONCURRENT)),
            unit: "executions",
            formula: LITTLE,
            inputs: inputs(&[
                ("arrivals per minute", load.arrivals_per_minute),
                ("seconds each", load.seconds_each),
                ("peak factor", PEAK_FACTOR),
                ("least", load.least),
            ]),
            source: LITTLE_SOURCE,
            depends_on: workload,
            overridden: false,
        },
    }
}

fn visibility(splitter: &Function, ingest: &Function) -> Derived<u32> {
    let longest = splitter.timeout_seconds.value.max(ingest.timeout_seconds.value);
    Derived {
        name: "queue_visibility_seconds",
        value: longest.saturating_mul(VISIBILITY_FACTOR).min(LONGEST_VISIBILITY_SECONDS),
        unit: "s",
        formula: "6 × the longer timeout of the two functions",
        inputs: inputs(&[("longer timeout", f64::from(longest))]),
        source: "AWS Lambda Developer Guide, \"Creating and configuring an Amazon SQS event source mapping\"",
        depends_on: vec!["ingest.peak_gib_per_minute", "overrides"],
        overridden: false,
    }
}
