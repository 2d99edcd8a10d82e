//! Which instructions the encoder uses: the level of [`crate::dispatch`], and what matrix products need beside it.

use crate::dispatch::{self, Level};

/// A set of instructions that this processor has. Every set gives the same bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct InstructionSet(Kind);

/// The sets there are, from the plainest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    /// No more than the compiler may assume; a fused multiplication and addition may be a call of the C library.
    Portable,
    /// AVX2 and FMA.
    Avx2,
    /// AVX-512 F, BW, DQ, VL.
    Avx512,
    /// AVX-512 with VNNI.
    Vnni,
}

impl InstructionSet {
    /// The best set of this processor within the level in use.
    #[must_use]
    pub fn current() -> Self {
        #[cfg(target_arch = "x86_64")]
        {
            let level = dispatch::level();
            if level >= Level::Avx2 && is_x86_feature_detected!("fma") {
                return Self(match level {
                    Level::Avx512 if is_x86_feature_detected!("avx512vnni") => Kind::Vnni,
                    Level::Avx512 => Kind::Avx512,
                    _ => Kind::Avx2,
                });
            }
        }
        Self(Kind::Portable)
    }

    /// This set and all plainer ones.
    #[must_use]
    pub fn and_plainer(self) -> Vec<Self> {
        let all = [Kind::Portable, Kind::Avx2, Kind::Avx512, Kind::Vnni];
        all.into_iter().map(Self).filter(|&set| set <= self).collect()
    }

    pub(super) const fn kind(self) -> Kind {
        self.0
    }
}

/// Defines `fn name(set, …)` from an `#[inline(always)]` function: one source, compiled once per set.
macro_rules! compiled {
    ($(#[$meta:meta])* fn $name:ident $(<$generic:ident: $bound:path>)? ($($argument:ident: $type:ty),* $(,)?)
        $(-> $output:ty)? = $body:path) => {
        $(#[$meta])*
        pub fn $name $(<$generic: $bound>)? (set: $crate::embed::instructions::InstructionSet, $($argument: $type),*) $(-> $output)? {
            #[cfg(target_arch = "x86_64")]
            {
                use $crate::embed::instructions::Kind;
                #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx2,fma,bmi1,bmi2,lzcnt,popcnt")]
                fn avx512 $(<$generic: $bound>)? ($($argument: $type),*) $(-> $output)? { $body($($argument),*) }
                #[target_feature(enable = "avx2,fma,bmi1,bmi2,lzcnt,popcnt")]
                fn avx2 $(<$generic: $bound>)? ($($argument: $type),*) $(-> $output)? { $body($($argument),*) }
                match set.kind() {
                    // SAFETY: a set is one that the processor was found to have.
                    Kind::Avx512 | Kind::Vnni => return unsafe { avx512($($argument),*) },
                    // SAFETY: as above.
                    Kind::Avx2 => return unsafe { avx2($($argument),*) },
                    Kind::Portable => {}
                }
            }
            let _ = set;
            $body($($argument),*)
        }
    };
}
pub(super) use compiled;
