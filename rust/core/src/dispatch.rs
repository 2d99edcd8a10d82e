//! Which instruction set the kernels use, asked of the processor once.

use std::sync::atomic::{AtomicU8, Ordering};

/// A set of instructions that a kernel is compiled for. Every level gives the same bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Level {
    /// What every processor of the architecture has (SSE2 on `x86_64`).
    Baseline = 1,
    /// AVX2, BMI and POPCNT.
    Avx2 = 2,
    /// AVX-512 F, BW, DQ, VL on top.
    Avx512 = 3,
}

impl Level {
    /// All levels, from the plainest.
    pub const ALL: [Self; 3] = [Self::Baseline, Self::Avx2, Self::Avx512];

    /// The level's name: `baseline`, `avx2` or `avx512`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Baseline => "baseline",
            Self::Avx2 => "avx2",
            Self::Avx512 => "avx512",
        }
    }
}

static CHOSEN: AtomicU8 = AtomicU8::new(0);

/// The highest level of this processor.
#[must_use]
pub fn detected() -> Level {
    #[cfg(target_arch = "x86_64")]
    {
        let avx2 = is_x86_feature_detected!("avx2")
            && is_x86_feature_detected!("bmi1")
            && is_x86_feature_detected!("bmi2")
            && is_x86_feature_detected!("lzcnt")
            && is_x86_feature_detected!("popcnt");
        let avx512 = avx2
            && is_x86_feature_detected!("avx512f")
            && is_x86_feature_detected!("avx512bw")
            && is_x86_feature_detected!("avx512dq")
            && is_x86_feature_detected!("avx512vl");
        if avx512 {
            return Level::Avx512;
        }
        if avx2 {
            return Level::Avx2;
        }
    }
    Level::Baseline
}

/// The level in use: the forced one, else the detected one.
#[must_use]
pub fn level() -> Level {
    match CHOSEN.load(Ordering::Relaxed) {
        1 => Level::Baseline,
        2 => Level::Avx2,
        3 => Level::Avx512,
        _ => {
            let level = detected();
            CHOSEN.store(level as u8, Ordering::Relaxed);
            level
        }
    }
}

/// Forces a level for the whole process, or the detected one again with `None`.
///
/// # Errors
/// The detected level, if the one asked for is above it; nothing changes then.
pub fn force(level: Option<Level>) -> Result<(), Level> {
    match level {
        Some(level) if level > detected() => Err(detected()),
        Some(level) => {
            CHOSEN.store(level as u8, Ordering::Relaxed);
            Ok(())
        }
        None => {
            CHOSEN.store(0, Ordering::Relaxed);
            Ok(())
        }
    }
}

/// Runs a generic body compiled for the level in use.
///
/// `dispatch!(name(argument: Type, …) -> Output = body)` defines `fn name` from an `#[inline(always)]`
/// function `body`: one source, one compiled copy per [`Level`], so the results cannot differ.
#[macro_export]
macro_rules! dispatch {
    ($(#[$meta:meta])* $visibility:vis fn $name:ident($($argument:ident: $type:ty),* $(,)?) $(-> $output:ty)? = $body:path) => {
        $(#[$meta])*
        $visibility fn $name($($argument: $type),*) $(-> $output)? {
            #[cfg(target_arch = "x86_64")]
            {
                #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx2,bmi1,bmi2,lzcnt,popcnt")]
                fn avx512($($argument: $type),*) $(-> $output)? { $body($($argument),*) }
                #[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
                fn avx2($($argument: $type),*) $(-> $output)? { $body($($argument),*) }
                match $crate::dispatch::level() {
                    // SAFETY: `level()` is never above what the processor was found to have.
                    $crate::dispatch::Level::Avx512 => return unsafe { avx512($($argument),*) },
                    // SAFETY: as above.
                    $crate::dispatch::Level::Avx2 => return unsafe { avx2($($argument),*) },
                    $crate::dispatch::Level::Baseline => {}
                }
            }
            $body($($argument),*)
        }
    };
}
