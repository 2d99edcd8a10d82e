//! A mapped file that another program cuts short: the system answers the next read beyond its end with a signal.

use std::sync::atomic::{AtomicBool, Ordering};

use pyo3::prelude::*;

/// Makes the process end with a message and exit code 2 when a mapped file has become shorter.
///
/// For programs, not for libraries: the handler holds for the whole process. Nothing happens on other systems than Unix.
#[pyfunction]
pub fn guard_mapped_files() {
    #[cfg(unix)]
    {
        extern "C" fn end(_signal: libc::c_int) {
            const MESSAGE: &[u8] = b"error: an input file became shorter while it was read\n\
                hint: run the same command again when nothing writes to the file any more\n";
            static SAID: AtomicBool = AtomicBool::new(false);
            // Several threads may come upon the end at once: one of them says so.
            let first = !SAID.swap(true, Ordering::SeqCst);
            // SAFETY: these calls may be made from a signal handler; the process ends here, or in the thread that was
            // first, for which the others wait.
            unsafe {
                if first {
                    libc::write(2, MESSAGE.as_ptr().cast(), MESSAGE.len());
                    libc::_exit(2);
                }
                loop {
                    libc::pause();
                }
            }
        }
        let handler: extern "C" fn(libc::c_int) = end;
        // SAFETY: the handler only makes calls that a signal handler may make.
        unsafe { libc::signal(libc::SIGBUS, handler as *const () as libc::sighandler_t) };
    }
}
