//! Writes ranges of a stream as objects while they grow, with bounded memory: what is settled goes out in pieces, only
//! the message under way is held back.

use bytes::Bytes;
use tokio::task::JoinHandle;

use super::cutter::{Cut, Kind, Open, Reason};
use crate::failure::{Failure, of_task};
use crate::storage::{Objects, PIECE_MIN, StorageError, Target, Upload};

/// Bytes of a piece: as few as S3 takes, since three of them are in memory.
const PIECE: usize = PIECE_MIN;

/// What is held beside a piece: the message under way, and what one step of the decoder adds.
const SLACK: usize = 1 << 20;

/// Objects under way.
#[derive(Debug)]
pub(super) struct Uploads<O: Objects> {
    objects: O,
    /// Bytes that no object has yet; the first one's place in the stream is `from`.
    held: Vec<u8>,
    from: u64,
    current: Option<Current>,
    /// A buffer whose piece is sent: it serves again, since pages that are given back and asked for again cost more than what is
    /// written into them.
    spare: Vec<u8>,
}

/// The object that the first held byte belongs to, once pieces of it are out.
#[derive(Debug)]
struct Current {
    piece: JoinHandle<Result<(Upload, Bytes), StorageError>>,
}

impl<O: Objects> Uploads<O> {
    /// Uploads of a stream that begins at byte `from`.
    pub(super) fn new(objects: O, from: u64) -> Self {
        Self { objects, held: Vec::new(), from, current: None, spare: Vec::new() }
    }

    /// Takes the next bytes of the stream.
    pub(super) fn hold(&mut self, bytes: &[u8]) {
        self.held.extend_from_slice(bytes);
    }

    /// Writes the object of a cut to its end. `header`: what it begins with, before the cut's own bytes.
    ///
    /// # Errors
    /// The store did not take it.
    pub(super) async fn finish(&mut self, cut: &Cut, target: Target, header: &[u8]) -> Result<(), Failure> {
        let Some(current) = self.current.take() else {
            self.skip_to(cut.range.start);
            let body = self.take_to(cut.range.end);
            return self.write(target, behind(header, body)).await;
        };
        let mut upload = self.joined(current).await?;
        let body = self.take_to(cut.range.end);
        if !body.is_empty() {
            upload = self.objects.append(upload, body).await?;
        }
        Ok(self.objects.complete(upload).await?)
    }

    /// Sends what is settled, if it makes a piece. `target` gives the object that begins at a byte, and its header.
    ///
    /// # Errors
    /// The store did not take a piece.
    pub(super) async fn advance(
        &mut self,
        open: Open,
        position: u64,
        mut target: impl FnMut(u64, Kind) -> (Target, Vec<u8>),
    ) -> Result<(), Failure> {
        let (start, settled, kind) = match open {
            Open::Nothing => {
                self.skip_to(position);
                return Ok(());
            }
            Open::Part { start, settled } => (start, settled, Kind::Part { messages: 0 }),
            Open::Aside { start } => (start, position, Kind::Aside(Reason::Overlong)),
        };
        if self.current.is_none() {
            self.skip_to(start);
        }
        while settled.saturating_sub(self.from) >= PIECE as u64 {
            let objects = self.objects.clone();
            let (upload, piece) = match self.current.take() {
                Some(current) => (self.joined(current).await?, self.take(PIECE)),
                None => {
                    let (target, header) = target(start, kind);
                    (objects.begin(&target).await?, behind(&header, self.take(PIECE)))
                }
            };
            let sent = async move { Ok((objects.append(upload, piece.clone()).await?, piece)) };
            self.current = Some(Current { piece: tokio::spawn(sent) });
        }
        Ok(())
    }

    /// Gives up the object under way, if there is one.
    ///
    /// # Errors
    /// The store did not give it up.
    pub(super) async fn abandon(&mut self) -> Result<(), Failure> {
        match self.current.take() {
            Some(current) => {
                let upload = self.joined(current).await?;
                Ok(self.objects.abort(upload).await?)
            }
            None => Ok(()),
        }
    }

    async fn write(&self, target: Target, mut body: Bytes) -> Result<(), Failure> {
        if body.len() <= PIECE {
            return Ok(self.objects.put(&target, body).await?);
        }
        let mut upload = self.objects.begin(&target).await?;
        while !body.is_empty() {
            let piece = body.split_to(PIECE.min(body.len()));
            upload = self.objects.append(upload, piece).await?;
        }
        Ok(self.objects.complete(upload).await?)
    }

    /// Waits for a piece, and takes its buffer back.
    async fn joined(&mut self, current: Current) -> Result<Upload, Failure> {
        let (upload, piece) = current.piece.await.map_err(|error| of_task(&error))??;
        if let Ok(mut buffer) = piece.try_into_mut()
            && buffer.capacity() <= PIECE + SLACK
        {
            buffer.clear();
            self.spare = buffer.into();
        }
        Ok(upload)
    }

    fn skip_to(&mut self, position: u64) {
        let bytes = self.held_before(position);
        self.held.drain(..bytes);
        self.from += bytes as u64;
    }

    fn take_to(&mut self, position: u64) -> Bytes {
        let bytes = self.held_before(position);
        self.take(bytes)
    }

    fn held_before(&self, position: u64) -> usize {
        usize::try_from(position.saturating_sub(self.from)).unwrap_or(usize::MAX).min(self.held.len())
    }

    /// The first `bytes` that are held. What stays behind them moves into a new buffer of the size that the next piece
    /// needs, so that no buffer outgrows it and the old one is free as soon as its piece is sent.
    fn take(&mut self, bytes: usize) -> Bytes {
        self.from += bytes as u64;
        if bytes < SLACK {
            return self.held.drain(..bytes).collect();
        }
        let rest = self.held.get(bytes..).unwrap_or_default();
        let mut next = std::mem::take(&mut self.spare);
        next.reserve_exact(if rest.len() < SLACK { PIECE + SLACK } else { rest.len() + PIECE });
        next.extend_from_slice(rest);
        let mut taken = std::mem::replace(&mut self.held, next);
        taken.truncate(bytes);
        taken.into()
    }
}

/// A body with a header in front.
fn behind(header: &[u8], body: Bytes) -> Bytes {
    if header.is_empty() { body } else { [header, &body].concat().into() }
}
