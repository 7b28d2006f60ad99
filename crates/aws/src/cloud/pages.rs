//! Paginated calls: their pages one after another, each asked for in its turn.

use std::error::Error;

use aws_sdk_cloudformation::config::http::HttpResponse;
use aws_sdk_cloudformation::error::{ProvideErrorMetadata, SdkError};
use aws_smithy_async::future::pagination_stream::PaginationStream;

use super::{CallError, Family, Session};

/// The pages of one call.
pub(super) struct Pages<'s, Page, E> {
    session: &'s Session,
    family: Family,
    operation: &'static str,
    subject: &'s str,
    stream: PaginationStream<Result<Page, SdkError<E, HttpResponse>>>,
    token: fn(&Page) -> Option<&str>,
    /// No page follows, so that nobody needs a turn to learn it.
    ended: bool,
}

impl Session {
    /// The pages of a call; `token` is what a page says about the next one.
    pub(super) fn pages<'s, Page, E>(
        &'s self,
        family: Family,
        operation: &'static str,
        subject: &'s str,
        stream: PaginationStream<Result<Page, SdkError<E, HttpResponse>>>,
        token: fn(&Page) -> Option<&str>,
    ) -> Pages<'s, Page, E> {
        Pages { session: self, family, operation, subject, stream, token, ended: false }
    }
}

impl<Page, E> Pages<'_, Page, E>
where
    E: Error + ProvideErrorMetadata + Send + Sync + 'static,
{
    /// Hands over page after page.
    pub(super) async fn each(mut self, mut take: impl FnMut(Page)) -> Result<(), CallError> {
        while let Some(page) = self.next().await? {
            take(page);
        }
        Ok(())
    }

    /// The next page, or nothing after the last.
    pub(super) async fn next(&mut self) -> Result<Option<Page>, CallError> {
        if self.ended {
            return Ok(None);
        }
        self.session.turn(self.family).await;
        let Some(page) = self.stream.next().await else { return Ok(None) };
        let page = page.map_err(|error| CallError::of(&self.session.place, self.operation, self.subject, error))?;
        // The SDK's paginators end at an empty token as at none.
        self.ended = (self.token)(&page).is_none_or(str::is_empty);
        Ok(Some(page))
    }
}
