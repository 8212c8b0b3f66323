//! The sampler's own thread: finds threads, arms their timers, empties the ring, unwinds and adds up.

use std::collections::HashMap;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender};
use std::time::Duration;

use super::handler::{Recording, SLOTS, clock_ns, signal_number, thread_cpu_ns};
use super::ring::RawSample;
use crate::profile::samples::{Frame, SCHEMA, Samples, Stack, Thread, Total};
use crate::profile::unwind::{Code, Outcome};

/// Between two looks for new threads and full cells. A thread is missed for about this long at its birth.
const ROUND: Duration = Duration::from_millis(5);
/// A handler this part of the period behind its timer tells that the thread had no processor when the timer expired.
const LATE_PART: u64 = 20;
/// Where the code cannot be read, a thread is asleep when it has used less than this part of the wall time.
const IDLE_PART: u64 = 10;

/// State of the collecting thread.
pub(super) struct Collector {
    recording: Recording,
    code: Code,
    own_tid: i32,
    period_ns: u64,
    begun_ns: u64,
    live: HashMap<i32, u32>,
    clocks: Vec<Clocks>,
    sums: HashMap<(u32, u8), Total>,
    stacks: HashMap<(u32, u8, Vec<Frame>), u64>,
    frames: Vec<Frame>,
    samples: Samples,
}

/// Where a thread stood at its last sample.
#[derive(Clone, Copy)]
struct Clocks {
    wall_ns: u64,
    cpu_ns: u64,
}

impl Collector {
    /// Runs until `stop` speaks or hangs up; says through `ready` when the threads that exist are being sampled.
    pub(super) fn run(
        recording: Recording,
        code: Code,
        period_ns: u64,
        ready: &Sender<()>,
        stop: &Receiver<()>,
    ) -> Samples {
        let now = clock_ns(libc::CLOCK_MONOTONIC).unwrap_or(0);
        let mut collector = Collector {
            recording,
            code,
            own_tid: own_tid(),
            period_ns,
            begun_ns: now,
            live: HashMap::new(),
            clocks: Vec::new(),
            sums: HashMap::new(),
            stacks: HashMap::new(),
            frames: Vec::new(),
            samples: Samples::default(),
        };
        collector.find_threads(true);
        let _ = ready.send(());
        while matches!(stop.recv_timeout(ROUND), Err(RecvTimeoutError::Timeout)) {
            collector.find_threads(false);
            collector.drain();
        }
        collector.recording.quiesce();
        collector.drain();
        collector.finish()
    }

    fn find_threads(&mut self, first: bool) {
        let Ok(folder) = std::fs::read_dir("/proc/self/task") else {
            self.error("/proc/self/task cannot be read: new threads are not sampled".into());
            return;
        };
        let seen: Vec<i32> =
            folder.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect();
        for &tid in &seen {
            if tid != self.own_tid && !self.live.contains_key(&tid) {
                self.adopt(tid, first);
            }
        }
        let recording = &self.recording;
        self.live.retain(|tid, slot| {
            let lives = seen.contains(tid);
            if !lives {
                recording.disarm(*slot);
            }
            lives
        });
    }

    fn adopt(&mut self, tid: i32, first: bool) {
        let slot = self.clocks.len() as u32;
        if slot as usize >= SLOTS {
            self.error(format!("more than {SLOTS} threads: the later ones are not sampled"));
            return;
        }
        // A thread may end between being listed and being asked; then it has no clock and takes no timer.
        let (Some(wall_ns), Some(cpu_ns)) = (clock_ns(libc::CLOCK_MONOTONIC), thread_cpu_ns(tid)) else {
            return;
        };
        if let Err(error) = self.recording.arm(slot, tid) {
            if error.raw_os_error() != Some(libc::EINVAL) {
                self.error(format!("thread {tid} is not sampled: {error}"));
            }
            return;
        }
        if !first {
            self.samples.unsampled_cpu_ns += cpu_ns;
        }
        let name = std::fs::read_to_string(format!("/proc/self/task/{tid}/comm")).unwrap_or_default();
        self.samples.threads.push(Thread { tid, name: name.trim_end().to_owned() });
        self.clocks.push(Clocks { wall_ns, cpu_ns });
        self.live.insert(tid, slot);
    }

    fn drain(&mut self) {
        let mut refreshed = false;
        loop {
            let Collector { recording, code, clocks, sums, stacks, frames, samples, period_ns, .. } = self;
            let more = recording.shared().ring.pop(|raw: &RawSample| {
                let Some(last) = clocks.get_mut(raw.slot as usize) else { return };
                let wall_ns = raw.wall_ns.saturating_sub(last.wall_ns);
                let cpu_ns = raw.cpu_ns.saturating_sub(last.cpu_ns);
                *last = Clocks { wall_ns: raw.wall_ns, cpu_ns: raw.cpu_ns };
                let sum = sums.entry((raw.slot, raw.phase)).or_default();
                sum.samples += 1;
                sum.wall_ns += wall_ns;
                if !refreshed && !code.knows(raw.registers.ip) {
                    refreshed = true;
                    let _ = code.refresh();
                }
                let barely = cpu_ns < wall_ns / IDLE_PART;
                if code.asleep(raw.registers.ip, raw.result).unwrap_or(barely) {
                    sum.idle += 1;
                    samples.idle += 1;
                    // What a sleeping thread uses is the sampler's own handler.
                    let place = if barely { &mut sum.idle_cpu_ns } else { &mut sum.cpu_ns };
                    *place += cpu_ns;
                    return;
                }
                sum.cpu_ns += cpu_ns;
                if raw.late_ns > *period_ns / LATE_PART {
                    sum.late += 1;
                    samples.late += 1;
                    return;
                }
                match code.unwind(raw.registers, &raw.stack[..raw.stack_len as usize], frames) {
                    Outcome::Complete => {}
                    Outcome::Truncated => samples.truncated += 1,
                    Outcome::Failed => samples.unwind_failures += 1,
                }
                *stacks.entry((raw.slot, raw.phase, frames.clone())).or_default() += 1;
            });
            if !more {
                return;
            }
        }
    }

    fn finish(mut self) -> Samples {
        let unreadable = self.recording.shared().stacks_unreadable.load(std::sync::atomic::Ordering::SeqCst);
        if unreadable > 0 {
            self.error(format!(
                "the stack of {unreadable} samples could not be read: they have one frame only"
            ));
        }
        let mut samples = std::mem::take(&mut self.samples);
        samples.schema = SCHEMA.into();
        samples.method = format!(
            "one CLOCK_MONOTONIC timer per thread, signal {}, jittered period; threads asleep or waiting for a processor set apart; unwound by .eh_frame",
            signal_number()
        );
        samples.period_ns = self.period_ns;
        samples.duration_ns = clock_ns(libc::CLOCK_MONOTONIC).unwrap_or(self.begun_ns) - self.begun_ns;
        samples.dropped = self.recording.shared().ring.dropped();
        samples.totals = self.sums.drain().map(|((thread, phase), t)| Total { thread, phase, ..t }).collect();
        samples.totals.sort_by_key(|t| (t.thread, t.phase));
        let stack = |((thread, phase, frames), count)| Stack { thread, phase, count, frames };
        samples.stacks = self.stacks.drain().map(stack).collect();
        samples.stacks.sort_by(|a, b| (a.thread, a.phase, &a.frames).cmp(&(b.thread, b.phase, &b.frames)));
        self.keep_used_modules(&mut samples);
        samples
    }

    /// Most of what is mapped never runs; the file names only what the stacks name.
    fn keep_used_modules(&self, samples: &mut Samples) {
        let mut kept = vec![None; self.code.modules().len()];
        for module in samples.stacks.iter_mut().flat_map(|s| &mut s.frames).filter_map(|f| f.module.as_mut())
        {
            let old = *module as usize;
            *module = *kept[old].get_or_insert_with(|| {
                samples.modules.push(self.code.modules()[old].clone());
                samples.modules.len() as u32 - 1
            });
        }
        let used = self.code.errors().iter().filter(|(module, _)| kept[*module as usize].is_some());
        samples.errors.extend(used.map(|(_, error)| error.clone()));
    }

    fn error(&mut self, message: String) {
        if !self.samples.errors.contains(&message) {
            self.samples.errors.push(message);
        }
    }
}

#[expect(unsafe_code, reason = "the libc crate's binding of gettid")]
fn own_tid() -> i32 {
    // SAFETY: no arguments, no memory, cannot fail.
    unsafe { libc::gettid() }
}
