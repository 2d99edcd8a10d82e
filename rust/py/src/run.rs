//! The one way from Python into the core: releases the interpreter, uses the chosen threads, turns a panic into an
//! exception, and lets Ctrl-C stop what runs long.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use belle_core::progress::{Cancelled, Progress};
use pyo3::exceptions::{PyKeyboardInterrupt, PyRuntimeError};
use pyo3::prelude::*;
use rayon::{ThreadPool, ThreadPoolBuilder};

static POOL: RwLock<Option<Arc<ThreadPool>>> = RwLock::new(None);

/// Time between two looks at Python's signals while a long computation runs.
const SIGNAL_INTERVAL: Duration = Duration::from_millis(100);

/// Makes later computations use this many threads; 0 means one per processor.
pub fn use_threads(threads: usize) -> PyResult<usize> {
    let pool = ThreadPoolBuilder::new()
        .num_threads(threads)
        .thread_name(|number| format!("belle-{number}"))
        .build()
        .map_err(|error| PyRuntimeError::new_err(format!("cannot start {threads} threads: {error}")))?;
    let threads = pool.current_num_threads();
    *POOL.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(pool));
    Ok(threads)
}

fn pool() -> PyResult<Arc<ThreadPool>> {
    if let Some(pool) = &*POOL.read().unwrap_or_else(PoisonError::into_inner) {
        return Ok(Arc::clone(pool));
    }
    use_threads(0)?;
    pool()
}

/// Runs something short (well under a second).
pub fn run<T: Send>(py: Python<'_>, work: impl FnOnce() -> T + Send) -> PyResult<T> {
    let pool = pool()?;
    let result = py.detach(|| catch_unwind(AssertUnwindSafe(|| pool.install(work))));
    py.check_signals()?;
    result.map_err(|panic| internal_error(&*panic))
}

/// Runs something long, which a signal stops through `progress`.
pub fn run_long<T: Send>(
    py: Python<'_>,
    progress: &Progress,
    work: impl FnOnce() -> Result<T, Cancelled> + Send,
) -> PyResult<T> {
    let pool = pool()?;
    py.detach(|| {
        pool.in_place_scope(|scope| {
            let (finished, wait) = channel();
            scope.spawn(move |_| {
                // The receiver is gone only if this scope is unwinding already.
                let _ = finished.send(catch_unwind(AssertUnwindSafe(work)));
            });
            let mut interrupted = None;
            let result = loop {
                match wait.recv_timeout(SIGNAL_INTERVAL) {
                    Ok(result) => break result,
                    Err(RecvTimeoutError::Timeout) => {}
                    Err(RecvTimeoutError::Disconnected) => break Err(Box::new("it ended without a result")),
                }
                if interrupted.is_none()
                    && let Err(error) = Python::attach(|py: Python<'_>| py.check_signals())
                {
                    progress.cancel();
                    interrupted = Some(error);
                }
            };
            if let Some(error) = interrupted {
                return Err(error);
            }
            match result {
                Ok(Ok(value)) => Ok(value),
                Ok(Err(Cancelled)) => Err(PyKeyboardInterrupt::new_err(())),
                Err(panic) => Err(internal_error(&*panic)),
            }
        })
    })
}

fn internal_error(panic: &(dyn Any + Send)) -> PyErr {
    let message = panic
        .downcast_ref::<&str>()
        .map(ToString::to_string)
        .or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_default();
    PyRuntimeError::new_err(format!("internal error in the native code: {message}"))
}
