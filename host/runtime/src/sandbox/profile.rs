//! Where guests spend their time, for the Firefox profiler.
//!
//! A sample is the stack of a guest that runs at a tick of the epoch. wasmtime's own profiler keeps one profile
//! for each instance; here all instances of a run share one, in which a step is a process and a worker of the
//! host is a thread, so that their number depends on neither rows nor instances.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, ThreadId};
use std::time::{Duration, Instant, SystemTime};

use fxprof_processed_profile::{
    CategoryHandle, Frame, FrameFlags, FrameInfo, ProcessHandle, ReferenceTimestamp,
    SamplingInterval, ThreadHandle, Timestamp,
};
use wasmtime::WasmBacktrace;

use super::fault;
use super::state::Phase;
use crate::limits::PROFILE_FRAMES_MAX;
use crate::{Error, Result};

/// How often the guests of a profiled run are asked where they are; the tick of its sandbox.
pub const PROFILE_TICK: Duration = Duration::from_millis(1);

/// Gathers samples of all guests of a run, up to [`PROFILE_FRAMES_MAX`].
pub struct Profile {
    started: Instant,
    recording: Mutex<Recording>,
}

struct Recording {
    profile: fxprof_processed_profile::Profile,
    threads: HashMap<(ProcessHandle, ThreadId), ThreadHandle>,
    steps: u32,
    frames_left: usize,
}

impl Profile {
    /// An empty profile of the run called `name`, whose clock starts now, which is `started`.
    #[must_use]
    pub fn new(name: &str, started: SystemTime) -> Self {
        let since_epoch = started.duration_since(SystemTime::UNIX_EPOCH);
        let milliseconds = since_epoch.unwrap_or_default().as_secs_f64() * 1e3;
        let mut profile = fxprof_processed_profile::Profile::new(
            name,
            ReferenceTimestamp::from_millis_since_unix_epoch(milliseconds),
            SamplingInterval::from(PROFILE_TICK),
        );
        // There is nothing to look up: frames have names, not addresses.
        profile.set_symbolicated(true);
        Self {
            started: Instant::now(),
            recording: Mutex::new(Recording {
                profile,
                threads: HashMap::new(),
                steps: 0,
                frames_left: PROFILE_FRAMES_MAX,
            }),
        }
    }

    /// The part of the profile that belongs to the step called `name`.
    #[must_use]
    pub fn step(self: &Arc<Self>, name: &str) -> StepProfile {
        let now = self.now();
        let mut recording = self.lock();
        recording.steps += 1;
        let number = recording.steps;
        let process = recording.profile.add_process(name, number, now);
        StepProfile {
            profile: Arc::clone(self),
            process,
        }
    }

    /// The profile as the Firefox profiler opens it: JSON in its processed format.
    ///
    /// # Errors
    ///
    /// `Internal`.
    pub fn to_json(&self) -> Result<Vec<u8>> {
        serde_json::to_vec(&self.lock().profile)
            .map_err(|error| Error::internal("write a profile").source(error))
    }

    fn now(&self) -> Timestamp {
        let elapsed = self.started.elapsed().as_nanos();
        Timestamp::from_nanos_since_reference(u64::try_from(elapsed).unwrap_or(u64::MAX))
    }

    fn lock(&self) -> MutexGuard<'_, Recording> {
        // A panic elsewhere leaves the samples that were taken before.
        self.recording
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Profile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Profile").finish_non_exhaustive()
    }
}

/// Where the guests of one step are sampled to; clones share everything.
#[derive(Clone, Debug)]
pub struct StepProfile {
    profile: Arc<Profile>,
    process: ProcessHandle,
}

impl StepProfile {
    /// Adds the stack of a guest on this thread, which was called for `phase`.
    ///
    /// # Errors
    ///
    /// Yields what to say about it where this sample filled the profile; later ones are dropped.
    pub(super) fn sample(&self, phase: Phase, stack: &WasmBacktrace) -> Result<(), String> {
        let mut names = fault::frames(stack);
        names.push(phase.as_str().to_owned());
        self.record(&names)
    }

    /// Adds a sample of the function names in `stack`, innermost first.
    fn record(&self, stack: &[String]) -> Result<(), String> {
        let now = self.profile.now();
        let mut recording = self.profile.lock();
        if recording.frames_left == 0 {
            return Ok(());
        }
        let left = recording.frames_left.saturating_sub(stack.len());
        recording.frames_left = left;
        recording.add(self.process, now, stack);
        if left > 0 {
            return Ok(());
        }
        let seconds = self.profile.started.elapsed().as_secs_f64();
        Err(format!(
            "the profile is full after {seconds:.1} s: it holds {PROFILE_FRAMES_MAX} frames"
        ))
    }
}

impl Recording {
    fn add(&mut self, process: ProcessHandle, now: Timestamp, stack: &[String]) {
        let workers = self.threads.len();
        let profile = &mut self.profile;
        let thread = *self
            .threads
            .entry((process, thread::current().id()))
            .or_insert_with(|| {
                let number = u32::try_from(workers + 1).unwrap_or(u32::MAX);
                let thread = profile.add_thread(process, number, now, false);
                profile.set_thread_name(thread, &format!("worker {number}"));
                thread
            });
        let frames: Vec<_> = stack
            .iter()
            .rev()
            .map(|name| label(profile, name))
            .collect();
        let stack = profile.intern_stack_frames(thread, frames.into_iter());
        profile.add_sample(thread, now, stack, PROFILE_TICK.into(), 1);
    }
}

fn label(profile: &mut fxprof_processed_profile::Profile, name: &str) -> FrameInfo {
    FrameInfo {
        frame: Frame::Label(profile.intern_string(name)),
        category_pair: CategoryHandle::OTHER.into(),
        flags: FrameFlags::empty(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The number of samples in `profile`.
    fn samples(profile: &Profile) -> u64 {
        let json: serde_json::Value = serde_json::from_slice(&profile.to_json().unwrap()).unwrap();
        let threads = json["threads"].as_array().unwrap();
        let counts = threads
            .iter()
            .map(|thread| thread["samples"]["length"].as_u64().unwrap());
        counts.sum()
    }

    #[test]
    fn a_full_profile_says_so_once_and_takes_no_more() {
        let profile = Arc::new(Profile::new("run", SystemTime::UNIX_EPOCH));
        profile.lock().frames_left = 5;
        let step = profile.step("etl");
        let stack = ["inner".to_owned(), "process".to_owned()];
        assert_eq!(step.record(&stack), Ok(()));
        assert_eq!(step.record(&stack), Ok(()));
        assert!(step.record(&stack).unwrap_err().contains("full"));
        assert_eq!(step.record(&stack), Ok(()));
        assert_eq!(samples(&profile), 3);
    }
}
