//! Asking again what a passing failure has spoilt, beyond the SDK's own retries.

use std::time::Duration;

use tenantry_aws::cloud::cloudformation::{self, Stack};
use tenantry_aws::cloud::{Access, CallError, Cloud, Place, Session, is_expired, may_pass};

/// How often something is asked in all.
const TIMES: u32 = 6;
/// Before the second time, where no pace of a run says otherwise.
pub(super) const PAUSE: Duration = Duration::from_millis(200);

/// Asks until there is an answer or a failure that does not pass; each pause is twice the one before.
pub(super) async fn with_retries<T, E>(
    pause: Duration,
    passes: impl Fn(&E) -> bool,
    mut ask: impl AsyncFnMut() -> Result<T, E>,
) -> Result<T, E> {
    let mut pause = pause;
    for _ in 1..TIMES {
        match ask().await {
            Err(error) if passes(&error) => tokio::time::sleep(pause).await,
            answer => return answer,
        }
        pause *= 2;
    }
    ask().await
}

/// Opens a place and reads its stacks. What is wrong from the start (no endpoint, credentials that are over) is reported at
/// once.
pub(super) async fn enter(
    cloud: &Cloud,
    place: &Place,
    access: &Access,
    pause: Duration,
) -> Result<(std::sync::Arc<Session>, std::collections::BTreeMap<String, Stack>), CallError> {
    let passes = |error: &CallError| may_pass(error) && !error.cause.is_unreachable() && !is_expired(error);
    let session = with_retries(pause, passes, async || cloud.session(place, access).await).await?;
    let live = with_retries(pause, may_pass, async || cloudformation::stacks(&session).await).await?;
    Ok((session, live))
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn asked(answers: &[Result<u8, bool>]) -> (Result<u8, bool>, usize) {
        let mut count = 0;
        let answer = with_retries(
            Duration::ZERO,
            |passes| *passes,
            async || {
                count += 1;
                answers[(count - 1).min(answers.len() - 1)]
            },
        );
        (answer.await, count)
    }

    #[tokio::test]
    async fn what_passes_is_asked_again_for_a_while_and_nothing_else_is() {
        assert_eq!(asked(&[Ok(1)]).await, (Ok(1), 1));
        assert_eq!(asked(&[Err(true), Err(true), Ok(1)]).await, (Ok(1), 3));
        assert_eq!(asked(&[Err(true), Err(false), Ok(1)]).await, (Err(false), 2));
        assert_eq!(asked(&[Err(true)]).await, (Err(true), TIMES as usize));
    }
}
