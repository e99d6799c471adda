//! What tasks read and write: cache layouts behind one trait.

/// How a cache is laid out and shared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CacheLayout {
    /// One lock, one packed structure, counters and entries on shared lines.
    Contended,
    /// A lock for each shard.
    Sharded,
    /// A copy for each worker, padded to a line pair.
    Isolated,
}

impl CacheLayout {
    /// Every layout, in the order in which they are listed.
    pub const ALL: [Self; 3] = [Self::Contended, Self::Sharded, Self::Isolated];

    /// The word for it in scenarios and on the command line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Contended => "contended",
            Self::Sharded => "sharded",
            Self::Isolated => "isolated",
        }
    }

    /// One sentence for `conlab list`.
    #[must_use]
    pub const fn summary(self) -> &'static str {
        match self {
            Self::Contended => "one lock, one packed structure; counters and entries share lines",
            Self::Sharded => "a lock for each shard",
            Self::Isolated => "a copy for each worker, padded to a line pair",
        }
    }
}
