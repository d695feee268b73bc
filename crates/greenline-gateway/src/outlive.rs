//! Work that is carried to its end even when whoever waits for it goes away.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::runtime::Handle;

type Work<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// Work that runs where it is awaited; dropped once it has begun, it goes on as a task of its own.
pub(crate) struct Outlive<T: Send + 'static> {
    work: Option<Work<T>>,
    begun: bool,
}

impl<T: Send + 'static> Outlive<T> {
    pub(crate) fn new(work: impl Future<Output = T> + Send + 'static) -> Self {
        Self {
            work: Some(Box::pin(work)),
            begun: false,
        }
    }
}

impl<T: Send + 'static> Future for Outlive<T> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<T> {
        self.begun = true;
        let Some(work) = &mut self.work else {
            return Poll::Pending;
        };
        let polled = work.as_mut().poll(cx);
        if polled.is_ready() {
            self.work = None;
        }
        polled
    }
}

impl<T: Send + 'static> Drop for Outlive<T> {
    fn drop(&mut self) {
        if let (true, Some(work), Ok(runtime)) =
            (self.begun, self.work.take(), Handle::try_current())
        {
            runtime.spawn(work);
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::oneshot;

    use super::*;

    #[tokio::test]
    async fn work_that_has_begun_goes_on_when_nobody_waits() {
        let (go, told) = oneshot::channel::<u32>();
        let (done, seen) = oneshot::channel();
        let mut work = Box::pin(Outlive::new(async move {
            let told = told.await;
            let _ = done.send(told);
        }));
        assert!(futures_poll(work.as_mut()).await.is_pending());
        drop(work);
        go.send(7).unwrap();
        assert_eq!(seen.await.unwrap(), Ok(7));
    }

    #[tokio::test]
    async fn work_that_has_not_begun_never_does() {
        let (done, seen) = oneshot::channel::<()>();
        drop(Outlive::new(async move {
            let _ = done.send(());
        }));
        assert!(seen.await.is_err());
    }

    async fn futures_poll<F: Future>(mut future: Pin<&mut F>) -> Poll<F::Output> {
        std::future::poll_fn(|cx| Poll::Ready(future.as_mut().poll(cx))).await
    }
}
