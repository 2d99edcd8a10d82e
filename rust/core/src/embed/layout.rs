//! The shape of the network.
//!
//! A piece's row of the embedding goes through a projection and a normalisation, 256 channels for each of three
//! branches. A branch is two convolutions over its window with a residual each. Embedding and branches are normalised
//! together and summed over the text.

/// Numbers of a row of the embedding.
pub const EMBEDDING: usize = 512;
/// Channels of a branch.
pub const CHANNELS: usize = 256;
/// Channels of the three branches.
pub const BRANCHES: usize = 3 * CHANNELS;
/// Channels of embedding and branches.
pub const FEATURES: usize = EMBEDDING + BRANCHES;
/// The embedding is stored in so many parts, each with a scale of its own; piece `id` is in part `id % PARTS`.
pub const PARTS: usize = 17;
/// Tokens to the left and to the right of one that a convolution may look at.
pub const MARGIN: usize = 2;
/// Windows of all branches together.
pub const TAPS: usize = 10;
/// Numbers of the hidden layers of the head.
pub const HIDDEN: usize = 320;

/// A branch: so many taps, of which `left` are before the token itself; `first_tap` counts those of earlier branches.
#[derive(Clone, Copy)]
pub struct Branch {
    pub taps: usize,
    pub left: usize,
    pub first_tap: usize,
}

/// The branches in the order of their channels.
pub const WINDOWS: [Branch; 3] = [
    Branch { taps: 2, left: 0, first_tap: 0 },
    Branch { taps: 3, left: 1, first_tap: 2 },
    Branch { taps: 5, left: 2, first_tap: 5 },
];
