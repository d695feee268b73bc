//! Several statements in one round trip: all go out before the first answer is waited for.

use std::future::Future;
use std::pin::Pin;
use std::task::Poll;

use tokio_postgres::types::ToSql;

use super::connect::Link;
use super::trouble::Trouble;

/// Something to be asked of the database.
pub(super) type Step<'s> = Pin<Box<dyn Future<Output = Result<(), Trouble>> + Send + 's>>;

/// A statement that is ready and changes rows.
pub(super) fn change<'s>(
    link: &'s Link,
    sql: &'static str,
    columns: Vec<&'s (dyn ToSql + Sync)>,
) -> Step<'s> {
    Box::pin(async move { link.change(sql, &columns).await.map(|_| ()) })
}

/// Sets all of them going in their order, so that they go out in one go, and waits for all or for the first
/// that fails: the first in their order, since what comes after it fails only because of it, and its answer
/// may be seen before.
pub(super) async fn in_order(mut steps: Vec<Step<'_>>) -> Result<(), Trouble> {
    let mut failed = None;
    std::future::poll_fn(|context| {
        let mut at = 0;
        while let Some(step) = steps.get_mut(at) {
            match step.as_mut().poll(context) {
                Poll::Pending => at += 1,
                Poll::Ready(Ok(())) => drop(steps.remove(at)),
                Poll::Ready(Err(trouble)) => {
                    failed = Some(trouble);
                    steps.truncate(at);
                }
            }
        }
        if steps.is_empty() {
            Poll::Ready(failed.take().map_or(Ok(()), Err))
        } else {
            Poll::Pending
        }
    })
    .await
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::task::Poll;

    use tokio::sync::oneshot;

    use super::{Step, in_order};
    use crate::error::Plain;
    use crate::postgres::trouble::Trouble;

    fn failing(words: &'static str, when: oneshot::Receiver<()>) -> Step<'static> {
        Box::pin(async move {
            let _ = when.await;
            Err(Trouble::Again(Arc::new(Plain(words))))
        })
    }

    #[tokio::test]
    async fn the_first_to_fail_is_told_whichever_answer_is_seen_first() {
        let (first, first_fails) = oneshot::channel();
        let (second, second_fails) = oneshot::channel();
        let mut all = Box::pin(in_order(vec![
            failing("the cause", first_fails),
            failing("what follows from it", second_fails),
        ]));
        second.send(()).unwrap();
        let seen = std::future::poll_fn(|context| Poll::Ready(all.as_mut().poll(context))).await;
        assert!(seen.is_pending());
        first.send(()).unwrap();
        let told = all.await.unwrap_err().given_up();
        let cause = std::error::Error::source(&told).unwrap().to_string();
        assert_eq!(cause, "the cause");
    }
}
