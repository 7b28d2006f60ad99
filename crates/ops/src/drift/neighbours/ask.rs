//! The questions about what stands beside a stack's resources. Those that no resource decides are put once for a place.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, PoisonError};

use futures::future::join_all;
use futures::{StreamExt, stream};
use serde_json::Value;
use tokio::sync::OnceCell;

use super::super::expected::Expected;
use super::super::live::Reading;
use super::super::snapshot::said;
use super::pattern::Names;
use super::{Neighbour, Read, of_stack, parents, table};
use crate::deploy::Desired;
use tenantry_aws::cloud::reads::{self, Question, Way};
use tenantry_aws::cloud::{Family, Session, cloudformation};

/// The pages of answers, by row of the table and the declared resource's logical id.
pub(crate) type Beside = BTreeMap<(usize, String), Reading<Arc<Vec<Value>>>>;

/// Questions of one stack and one family of operations that are put at the same time. Families wait for nobody but
/// themselves, so that the slowest rate decides how long a stack takes, and not their sum.
const AT_ONCE: usize = 2;

type Cell = Arc<OnceCell<Reading<Arc<Vec<Value>>>>>;

/// Answers that are had once.
#[derive(Debug, Default)]
pub(in crate::drift) struct Answers(std::sync::Mutex<HashMap<String, Cell>>);

/// Those that the stacks of a place share, and those that the places of an account do.
#[derive(Debug, Clone, Copy)]
pub(in crate::drift) struct SharedAnswers<'a> {
    pub of_place: &'a Answers,
    pub of_account: &'a Answers,
}

impl Read {
    /// Whether a resource decides the question, so that it is put for each.
    pub(super) fn is_of_one(&self) -> bool {
        let body = self.body.as_ref().map(Value::to_string).unwrap_or_default();
        let path = self.path.iter().map(String::as_str);
        self.parameters
            .values()
            .map(String::as_str)
            .chain(path)
            .chain([body.as_str()])
            .any(|text| text.contains("{id}"))
    }

    fn question(&'static self, names: &Names<'_>, subject: &str) -> Option<Question> {
        let body = match &self.body {
            Some(body) => Some(names.filled_value(body)?),
            None => None,
        };
        let way = match (&self.version, &self.target, &self.path) {
            (Some(version), ..) => {
                let filled = self.parameters.iter().map(|(key, text)| Some((key.clone(), names.filled(text)?)));
                Way::Query { version: version.clone(), parameters: filled.collect::<Option<_>>()? }
            }
            (_, Some(target), _) => Way::Json { target: target.clone(), body: body.unwrap_or_default() },
            (.., Some(path)) => Way::Rest { path: names.filled(path)?, body },
            _ => return None,
        };
        Some(Question {
            service: &self.service,
            operation: &self.operation,
            subject: subject.to_owned(),
            way,
            next: self.next.iter().map(|(reported, asked)| (reported.clone(), asked.clone())).collect(),
        })
    }
}

impl Answers {
    async fn of(&self, session: &Session, row: &'static Neighbour, question: Question) -> Reading<Arc<Vec<Value>>> {
        let key = format!("{} {:?} {:?}", question.operation, question.way, row.read.none);
        // Nothing panics while the map is held, and a poisoned one would still be whole.
        let cell = Arc::clone(self.0.lock().unwrap_or_else(PoisonError::into_inner).entry(key).or_default());
        cell.get_or_init(|| put(session, row, &question)).await.clone()
    }
}

async fn put(session: &Session, row: &'static Neighbour, question: &Question) -> Reading<Arc<Vec<Value>>> {
    match reads::ask(session, question).await {
        Ok(pages) => Ok(Arc::new(pages)),
        Err(error) if error.code().is_some_and(|code| row.read.none.iter().any(|none| none == code)) => {
            Ok(Arc::default())
        }
        Err(error) => Err(said(&error)),
    }
}

/// Asks what stands beside the resources of a stack.
pub(in crate::drift) async fn ask(
    session: &Session,
    shared: SharedAnswers<'_>,
    desired: &Desired,
    stack: &cloudformation::Stack,
    expected: &BTreeMap<String, Expected>,
) -> Beside {
    let own = of_stack(&stack.id);
    let vpcs = expected.values().find(|one| one.resource_type == "AWS::EC2::VPC");
    let vpc = vpcs.and_then(|vpc| vpc.physical_id.as_deref());
    let mut questions: HashMap<Family, Vec<_>> = HashMap::new();
    for (index, row) in table().neighbours.iter().enumerate() {
        let family = Family::of(&row.read.service, &row.read.operation);
        for (logical, parent) in parents(expected, &own, &row.beside) {
            if parent.physical_id.is_none() || row.is_declared(parent, expected) {
                continue;
            }
            let names = Names { place: &desired.place, stack: &desired.stack, vpc, parent };
            let name = logical.unwrap_or(&desired.stack).to_owned();
            let subject = parent.physical_id.as_deref().unwrap_or_default();
            let question = row.read.question(&names, subject);
            questions.entry(family).or_default().push((index, name, row, question));
        }
    }
    // Rows that put the same question about a resource share the answer.
    let of_stack = &Answers::default();
    let families = questions.into_iter().map(|(family, questions)| {
        let answered = stream::iter(questions).map(move |(index, name, row, question)| async move {
            let answers = match row.read.is_of_one() {
                true => of_stack,
                false if family.is_of_account() => shared.of_account,
                false => shared.of_place,
            };
            let answer = match question {
                Some(question) => answers.of(session, row, question).await,
                None => Err(format!("{}: what it is about is not known", row.read.operation)),
            };
            ((index, name), answer)
        });
        answered.buffer_unordered(AT_ONCE).collect::<Vec<_>>()
    });
    join_all(families).await.into_iter().flatten().collect()
}
