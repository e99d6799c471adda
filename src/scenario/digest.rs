//! The digest of a scenario: equal for equal experiments, whatever their files look like.

use super::Scenario;
use std::fmt::{self, Write};

/// FNV-1a over 128 bits (Fowler, Noll, Vo): not against forgery, only against mix-ups.
struct Fnv(u128);

impl Write for Fnv {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for byte in text.bytes() {
            self.0 = (self.0 ^ u128::from(byte)).wrapping_mul(0x0000_0000_0100_0000_0000_0000_0000_013b);
        }
        Ok(())
    }
}

/// 32 hexadecimal digits of a text: against mix-ups, not against forgery.
#[must_use]
pub fn text_digest(text: &str) -> String {
    let mut hash = Fnv(0x6c62_272e_07bb_0142_62b8_2175_6295_c58d);
    let written = hash.write_str(text);
    debug_assert!(written.is_ok(), "writing into a hash cannot fail");
    format!("{:032x}", hash.0)
}

impl Scenario {
    /// 32 hexadecimal digits over everything that is run; comments, layout and the question do not count.
    #[must_use]
    pub fn digest(&self) -> String {
        // Exhaustive, so that a new field cannot be forgotten.
        let Self {
            name,
            question: _,
            source: _,
            run,
            host,
            locks,
            pools,
            events,
            caches,
            stores,
            actors,
            focus,
            isolated,
        } = self;
        let mut hash = Fnv(0x6c62_272e_07bb_0142_62b8_2175_6295_c58d);
        let written = write!(
            hash,
            "{name:?}{run:?}{host:?}{locks:?}{caches:?}{stores:?}{actors:?}{focus:?}{isolated:?}"
        );
        // What a scenario does not use leaves no trace, so that its digest stays when the language grows.
        let written =
            written.and_then(|()| if pools.is_empty() { Ok(()) } else { write!(hash, "{pools:?}") });
        let written =
            written.and_then(|()| if events.is_empty() { Ok(()) } else { write!(hash, "{events:?}") });
        debug_assert!(written.is_ok(), "writing into a hash cannot fail");
        format!("{:032x}", hash.0)
    }
}
