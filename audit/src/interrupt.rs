//! Ctrl-C and SIGTERM: remembered in a flag that every wait looks at, so that engines are stopped and temporary
//! folders removed before the process ends the way the signal asks.

use std::sync::atomic::{AtomicI32, Ordering};

static CAUGHT: AtomicI32 = AtomicI32::new(0);

extern "C" fn remember(signal: libc::c_int) {
    CAUGHT.store(signal, Ordering::SeqCst);
}

/// From now on SIGINT and SIGTERM set the flag instead of ending the process at once.
#[expect(unsafe_code, reason = "sigaction is a C interface")]
pub fn install() {
    for signal in [libc::SIGINT, libc::SIGTERM] {
        // SAFETY: the action is fully initialised, and the handler only stores to an atomic, which is
        // async-signal-safe. SA_RESTART keeps reads and waits of the rest of the program whole.
        unsafe {
            let mut action: libc::sigaction = std::mem::zeroed();
            action.sa_sigaction = remember as extern "C" fn(libc::c_int) as usize;
            action.sa_flags = libc::SA_RESTART;
            libc::sigemptyset(&raw mut action.sa_mask);
            libc::sigaction(signal, &raw const action, std::ptr::null_mut());
        }
    }
}

/// Whether the process was asked to end.
#[must_use]
pub fn requested() -> bool {
    CAUGHT.load(Ordering::SeqCst) != 0
}

/// An error when the process was asked to end.
///
/// # Errors
/// [`crate::exit::AuditError::interrupted`] after SIGINT or SIGTERM.
pub fn check() -> crate::exit::Result<()> {
    if requested() { Err(crate::exit::AuditError::interrupted()) } else { Ok(()) }
}

/// Ends the process by the signal that was caught, so that a shell sees what happened. Returns when none was.
#[expect(unsafe_code, reason = "raising a signal is a C interface")]
pub fn end_by_signal() {
    let signal = CAUGHT.load(Ordering::SeqCst);
    if signal != 0 {
        // SAFETY: restores the default action of a valid signal and raises it; no Rust state is touched.
        unsafe {
            libc::signal(signal, libc::SIG_DFL);
            libc::raise(signal);
        }
    }
}
