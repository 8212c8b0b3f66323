//! The signal, its handler, and one kernel timer per thread.
//!
//! Everything the handler calls is async-signal-safe: `clock_gettime`, the raw system calls `process_vm_readv` and
//! `timer_settime`, atomics. It allocates nothing, takes no lock and leaves `errno` as it was.
#![expect(unsafe_code, reason = "signal handler, its context and raw system calls")]

use std::ffi::{c_int, c_long, c_void};
use std::io;
use std::mem::{size_of, zeroed};
use std::ptr::{null, null_mut};
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicPtr, AtomicU32, AtomicU64, AtomicUsize, Ordering};

use super::ring::{RawSample, Ring, STACK_BYTES};
use crate::profile::unwind::Registers;

/// Threads that one sampler can follow during its life.
pub(super) const SLOTS: usize = 4096;

/// What handlers and the collector share.
pub(super) struct Shared {
    pub(super) ring: Ring,
    slots: Box<[Slot]>,
    phase: fn() -> u8,
    period_ns: u32,
    generation: u32,
    /// Samples whose stack could not be copied.
    pub(super) stacks_unreadable: AtomicU64,
}

struct Slot {
    timer: AtomicI32,
    /// When the timer expires next, on `CLOCK_MONOTONIC`, nanoseconds.
    due_ns: AtomicU64,
    random: AtomicU32,
}

/// The sampler that handlers report to; null outside of a run.
static ACTIVE: AtomicPtr<Shared> = AtomicPtr::new(null_mut());
/// Handlers that may hold a pointer to it.
static IN_FLIGHT: AtomicUsize = AtomicUsize::new(0);
/// Set while some sampler of this process lives.
static TAKEN: AtomicBool = AtomicBool::new(false);
/// Tells a signal of this run from a late one of the last.
static GENERATION: AtomicU32 = AtomicU32::new(0);
/// The signal in use, 0 before the first run. Its handler stays installed: a late signal must not kill the process.
static SIGNAL: AtomicI32 = AtomicI32::new(0);

/// The right to sample this process: one at a time. Disarms and detaches when dropped.
pub(super) struct Recording {
    shared: Box<Shared>,
}

impl Recording {
    /// Claims the process and installs the handler; no thread is sampled yet.
    pub(super) fn open(period_ns: u32, phase: fn() -> u8, ring: u32) -> io::Result<Option<Recording>> {
        if TAKEN.swap(true, Ordering::SeqCst) {
            return Ok(None);
        }
        if let Err(error) = install() {
            TAKEN.store(false, Ordering::SeqCst);
            return Err(error);
        }
        let slot = |i: usize| Slot {
            timer: AtomicI32::new(-1),
            due_ns: AtomicU64::new(0),
            random: AtomicU32::new(0x9e37_79b9u32.wrapping_mul(i as u32 + 1) | 1),
        };
        let shared = Box::new(Shared {
            ring: Ring::new(ring),
            slots: (0..SLOTS).map(slot).collect(),
            phase,
            period_ns,
            generation: GENERATION.fetch_add(1, Ordering::SeqCst).wrapping_add(1),
            stacks_unreadable: AtomicU64::new(0),
        });
        let recording = Recording { shared };
        ACTIVE.store((&raw const *recording.shared).cast_mut(), Ordering::SeqCst);
        Ok(Some(recording))
    }

    /// What the handlers fill.
    pub(super) fn shared(&self) -> &Shared {
        &self.shared
    }

    /// Starts a timer that interrupts thread `tid`, for ever until [`Recording::disarm`].
    pub(super) fn arm(&self, slot: u32, tid: i32) -> io::Result<()> {
        // SAFETY: all-zero bytes are a valid `sigevent`; the kernel reads it and writes one int to `timer`.
        let (made, timer) = unsafe {
            let mut event: libc::sigevent = zeroed();
            event.sigev_notify = libc::SIGEV_THREAD_ID;
            event.sigev_signo = SIGNAL.load(Ordering::SeqCst);
            event.sigev_value.sival_ptr = cookie(self.shared.generation, slot) as *mut c_void;
            event.sigev_notify_thread_id = tid;
            let mut timer: c_int = -1;
            (
                libc::syscall(
                    libc::SYS_timer_create,
                    c_long::from(libc::CLOCK_MONOTONIC),
                    &raw mut event,
                    &raw mut timer,
                ),
                timer,
            )
        };
        if made != 0 {
            return Err(io::Error::last_os_error());
        }
        let place = &self.shared.slots[slot as usize];
        place.timer.store(timer, Ordering::SeqCst);
        let now = clock_ns(libc::CLOCK_MONOTONIC).unwrap_or(0);
        place.due_ns.store(now, Ordering::Relaxed);
        if place.next(timer, now, self.shared.period_ns) != 0 {
            return Err(io::Error::last_os_error());
        }
        Ok(())
    }

    /// Stops the timer of `slot`, if it has one.
    pub(super) fn disarm(&self, slot: u32) {
        let timer = self.shared.slots[slot as usize].timer.swap(-1, Ordering::SeqCst);
        if timer >= 0 {
            // SAFETY: deletes a timer that we made; no memory is involved.
            unsafe { libc::syscall(libc::SYS_timer_delete, c_long::from(timer)) };
        }
    }

    /// Stops all timers and waits for the handlers that are running; the ring can then be emptied for the last time.
    pub(super) fn quiesce(&self) {
        for slot in 0..SLOTS {
            self.disarm(slot as u32);
        }
        ACTIVE.store(null_mut(), Ordering::SeqCst);
        while IN_FLIGHT.load(Ordering::SeqCst) != 0 {
            std::thread::yield_now();
        }
    }
}

impl Drop for Recording {
    fn drop(&mut self) {
        self.quiesce();
        TAKEN.store(false, Ordering::SeqCst);
    }
}

/// The signal in use, for the record.
pub(super) fn signal_number() -> i32 {
    SIGNAL.load(Ordering::SeqCst)
}

/// The CPU clock of a thread of this process, nanoseconds.
pub(super) fn thread_cpu_ns(tid: i32) -> Option<u64> {
    // The kernel's encoding of "scheduler time of this thread" (bits 2 and 1) with the complement of its number above.
    clock_ns((!tid << 3) | 6)
}

/// A clock, nanoseconds; `None` when it does not exist.
pub(super) fn clock_ns(clock: libc::clockid_t) -> Option<u64> {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the call writes one `timespec`.
    let ok = unsafe { libc::clock_gettime(clock, &raw mut time) } == 0;
    ok.then(|| (time.tv_sec as u64).wrapping_mul(1_000_000_000).wrapping_add(time.tv_nsec as u64))
}

fn cookie(generation: u32, slot: u32) -> usize {
    ((u64::from(generation) << 16) | u64::from(slot)) as usize
}

/// Takes the first real-time signal that nobody handles. `SIGPROF` is left to other profilers.
fn install() -> io::Result<()> {
    if SIGNAL.load(Ordering::SeqCst) != 0 {
        return Ok(());
    }
    for signal in (libc::SIGRTMIN() + 2)..libc::SIGRTMAX() {
        // SAFETY: an all-zero `sigaction` is valid; the calls read and write only these two structures, and the
        // handler has the signature that SA_SIGINFO asks for.
        unsafe {
            let mut old: libc::sigaction = zeroed();
            if libc::sigaction(signal, null(), &raw mut old) != 0 || old.sa_sigaction != libc::SIG_DFL {
                continue;
            }
            let mut new: libc::sigaction = zeroed();
            new.sa_sigaction = handle as extern "C" fn(c_int, *mut libc::siginfo_t, *mut c_void) as usize;
            new.sa_flags = libc::SA_SIGINFO | libc::SA_RESTART;
            libc::sigemptyset(&raw mut new.sa_mask);
            if libc::sigaction(signal, &raw const new, null_mut()) != 0 {
                return Err(io::Error::last_os_error());
            }
        }
        SIGNAL.store(signal, Ordering::SeqCst);
        return Ok(());
    }
    Err(io::Error::other("every real-time signal has a handler already"))
}

impl Slot {
    /// Moves the timer on to the next expiry after now. The expiries form a chain of their own, whatever the thread
    /// does meanwhile: counted from each handler instead, they would avoid the time just after a thread got its
    /// processor back, and a thread that is often interrupted would seem to run less than it does.
    fn next(&self, timer: c_int, now_ns: u64, period_ns: u32) -> c_long {
        let mut due = self.due_ns.load(Ordering::Relaxed).max(now_ns.saturating_sub(1_000_000_000));
        while due <= now_ns {
            due += u64::from(jittered(&self.random, period_ns));
        }
        self.due_ns.store(due, Ordering::Relaxed);
        set(timer, due, period_ns)
    }
}

/// One-shot at a moment of `CLOCK_MONOTONIC`, with the plain period behind it should a handler fail to set the next.
fn set(timer: c_int, due_ns: u64, period_ns: u32) -> c_long {
    let time = |ns: u64| libc::timespec {
        tv_sec: (ns / 1_000_000_000) as libc::time_t,
        tv_nsec: (ns % 1_000_000_000) as c_long,
    };
    let spec = libc::itimerspec { it_value: time(due_ns), it_interval: time(period_ns.into()) };
    let nothing: *mut libc::itimerspec = null_mut();
    let absolute = c_long::from(libc::TIMER_ABSTIME);
    // SAFETY: the kernel reads `spec` and writes nothing.
    unsafe { libc::syscall(libc::SYS_timer_settime, c_long::from(timer), absolute, &raw const spec, nothing) }
}

/// Uniform between half and one and a half periods, so that no loop keeps step with the clock.
fn jittered(state: &AtomicU32, period_ns: u32) -> u32 {
    let mut x = state.load(Ordering::Relaxed);
    x ^= x << 13;
    x ^= x >> 17;
    x ^= x << 5;
    state.store(x, Ordering::Relaxed);
    period_ns / 2 + ((u64::from(x) * u64::from(period_ns)) >> 32) as u32
}

extern "C" fn handle(_signal: c_int, info: *mut libc::siginfo_t, context: *mut c_void) {
    IN_FLIGHT.fetch_add(1, Ordering::SeqCst);
    let shared = ACTIVE.load(Ordering::SeqCst);
    if !shared.is_null() && !info.is_null() && !context.is_null() {
        // SAFETY: `errno` is this thread's own; the kernel passes valid structures under SA_SIGINFO; `shared` stays
        // alive while IN_FLIGHT is not zero, because `quiesce` clears ACTIVE first and then waits.
        unsafe {
            let errno = libc::__errno_location();
            let kept = *errno;
            record(&*shared, (*info).si_value().sival_ptr as usize, &*context.cast::<libc::ucontext_t>());
            *errno = kept;
        }
    }
    IN_FLIGHT.fetch_sub(1, Ordering::SeqCst);
}

fn record(shared: &Shared, cookie_seen: usize, context: &libc::ucontext_t) {
    let index = cookie_seen & 0xffff;
    if index >= SLOTS || cookie_seen != cookie(shared.generation, index as u32) {
        return;
    }
    let slot = &shared.slots[index];
    let (registers, result) = registers(context);
    let wall = clock_ns(libc::CLOCK_MONOTONIC);
    let cpu = clock_ns(libc::CLOCK_THREAD_CPUTIME_ID);
    if let (Some(wall_ns), Some(cpu_ns)) = (wall, cpu) {
        let phase = (shared.phase)();
        shared.ring.push(|sample: &mut RawSample| {
            sample.slot = index as u32;
            sample.phase = phase;
            sample.wall_ns = wall_ns;
            sample.cpu_ns = cpu_ns;
            sample.late_ns = wall_ns.saturating_sub(slot.due_ns.load(Ordering::Relaxed));
            sample.registers = registers;
            sample.result = result;
            sample.stack_len = copy_stack(registers.sp, depth(registers.sp), &mut sample.stack);
            if sample.stack_len == 0 {
                shared.stacks_unreadable.fetch_add(1, Ordering::Relaxed);
            }
        });
    }
    let timer = slot.timer.load(Ordering::Relaxed);
    if timer >= 0 {
        let now = clock_ns(libc::CLOCK_MONOTONIC).unwrap_or(0);
        slot.next(timer, now, shared.period_ns);
    }
}

#[cfg(target_arch = "x86_64")]
fn registers(context: &libc::ucontext_t) -> (Registers, u64) {
    let saved = &context.uc_mcontext.gregs;
    let get = |register: c_int| saved[register as usize] as u64;
    let registers =
        Registers { ip: get(libc::REG_RIP), sp: get(libc::REG_RSP), fp: get(libc::REG_RBP), lr: 0 };
    (registers, get(libc::REG_RAX))
}

#[cfg(target_arch = "aarch64")]
fn registers(context: &libc::ucontext_t) -> (Registers, u64) {
    let saved = &context.uc_mcontext;
    let registers = Registers { ip: saved.pc, sp: saved.sp, fp: saved.regs[29], lr: saved.regs[30] };
    (registers, saved.regs[0])
}

/// How much lies between the stack pointer and the thread's own record, which the C library keeps above the first frame of
/// every thread that it starts. The first thread's is elsewhere; its stack ends with its mapping.
fn depth(sp: u64) -> usize {
    // SAFETY: reads the thread's pointer to its own record; async-signal-safe.
    let own = unsafe { libc::pthread_self() } as u64;
    match own.checked_sub(sp) {
        Some(depth) if depth < STACK_BYTES as u64 => depth as usize / size_of::<u64>() * size_of::<u64>(),
        _ => STACK_BYTES,
    }
}

/// Copies `length` bytes upwards from `sp`, or as far as the stack's mapping goes; the kernel checks each page, so nothing
/// can fault. The source is cut at page borders because a piece is copied whole or not at all.
fn copy_stack(sp: u64, length: usize, to: &mut [u8]) -> u32 {
    const PAGE: usize = 4096;
    let sp = sp as usize;
    let length = length.min(to.len()).min(STACK_BYTES);
    let here = libc::iovec { iov_base: to.as_mut_ptr().cast(), iov_len: length };
    let mut there = [libc::iovec { iov_base: null_mut(), iov_len: 0 }; STACK_BYTES / PAGE + 1];
    let (mut from, mut left, mut pieces) = (sp, length, 0);
    while left > 0 && pieces < there.len() {
        let piece = (PAGE - from % PAGE).min(left);
        there[pieces] = libc::iovec { iov_base: from as *mut c_void, iov_len: piece };
        (from, left, pieces) = (from.wrapping_add(piece), left - piece, pieces + 1);
    }
    // SAFETY: `here` lies within `to`; the kernel reads the other side and fails instead of faulting.
    let copied = unsafe {
        libc::syscall(
            libc::SYS_process_vm_readv,
            c_long::from(libc::getpid()),
            &raw const here,
            1 as c_long,
            there.as_ptr(),
            pieces as c_long,
            0 as c_long,
        )
    };
    u32::try_from(copied).unwrap_or(0) / size_of::<u64>() as u32 * size_of::<u64>() as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_copy_ends_where_the_mapping_ends() {
        // SAFETY: two fresh pages are mapped and the second is given back; nothing else can point there.
        let page = unsafe {
            let two = libc::mmap(
                null_mut(),
                8192,
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_PRIVATE | libc::MAP_ANONYMOUS,
                -1,
                0,
            );
            assert_ne!(two, libc::MAP_FAILED);
            libc::munmap(two.byte_add(4096), 4096);
            std::ptr::write_bytes(two.cast::<u8>(), 7, 4096);
            two as u64
        };
        let mut to = vec![0; STACK_BYTES];
        assert_eq!(copy_stack(page + 4096 - 48, STACK_BYTES, &mut to), 48);
        assert_eq!(&to[..49], &[&[7u8; 48][..], &[0]].concat()[..]);
        assert_eq!(copy_stack(page + 4096, STACK_BYTES, &mut to), 0);
        let mine = vec![3u8; 2 * STACK_BYTES];
        assert_eq!(copy_stack(mine.as_ptr() as u64, 64, &mut to), 64);
        assert_eq!((to[63], to[64]), (3, 0), "no more than what was asked for");
        assert_eq!(copy_stack(mine.as_ptr() as u64, usize::MAX, &mut to), STACK_BYTES as u32);
        assert!(to.iter().all(|&b| b == 3));
        // SAFETY: the page mapped above.
        unsafe { libc::munmap(page as *mut c_void, 4096) };
    }

    #[test]
    fn a_threads_stack_ends_below_its_record() {
        let deep = || {
            let here = 0u64;
            depth(&raw const here as u64)
        };
        let found = std::thread::spawn(deep).join().unwrap();
        assert!(found > 0 && found < STACK_BYTES / 2 && found % 8 == 0, "{found}");
        assert_eq!(depth(u64::MAX), STACK_BYTES);
    }

    #[test]
    fn jitter_stays_within_half_a_period() {
        let state = AtomicU32::new(1);
        let drawn: Vec<u32> = (0..10_000).map(|_| jittered(&state, 1_000_000)).collect();
        assert!(drawn.iter().all(|ns| (500_000..1_500_000).contains(ns)));
        let mean = drawn.iter().map(|&ns| f64::from(ns)).sum::<f64>() / 1e4;
        assert!((mean - 1e6).abs() < 1.5e4, "{mean}");
    }

    #[test]
    fn the_clock_of_a_thread_is_readable_from_its_number() {
        // SAFETY: no arguments, no memory.
        let tid = unsafe { libc::gettid() };
        let own = clock_ns(libc::CLOCK_THREAD_CPUTIME_ID).unwrap();
        assert!(thread_cpu_ns(tid).unwrap() >= own);
    }
}
