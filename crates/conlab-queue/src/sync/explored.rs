//! Atomics whose races loom finds.
//!
//! loom 0.7.2 compares an operation only with the last access to the same atomic, and takes two loads for
//! independent. A thread that loads an atomic and then stores to it thereby hides its store's race with a load that
//! another thread made before: the execution in which the store comes first is never tried. Here every access first
//! stores to a companion that nobody reads. Stores depend on each other, so loom tries the accesses in every order;
//! and a Relaxed store that nobody reads synchronises nothing, so what each load may see is not changed.

use super::Ordering;
use loom::sync::atomic;

macro_rules! explored {
    ($name:ident, $value:ty $(, $arithmetic:ident)*) => {
        /// loom's atomic of that name, with the accesses to it explored in every order.
        #[derive(Debug)]
        pub struct $name {
            value: atomic::$name,
            order: atomic::AtomicBool,
        }

        impl $name {
            /// An atomic with this value.
            #[track_caller]
            pub fn new(value: $value) -> Self {
                Self { value: atomic::$name::new(value), order: atomic::AtomicBool::new(false) }
            }

            fn explore(&self) -> &atomic::$name {
                if !cfg!(conlab_weaken = "door") {
                    self.order.store(true, Ordering::Relaxed);
                }
                &self.value
            }

            /// As the standard library's.
            #[track_caller]
            pub fn load(&self, order: Ordering) -> $value {
                self.explore().load(order)
            }

            /// As the standard library's.
            #[track_caller]
            pub fn store(&self, value: $value, order: Ordering) {
                self.explore().store(value, order);
            }

            /// As the standard library's.
            #[track_caller]
            pub fn swap(&self, value: $value, order: Ordering) -> $value {
                self.explore().swap(value, order)
            }

            /// As the standard library's.
            #[track_caller]
            pub fn compare_exchange(
                &self,
                current: $value,
                new: $value,
                success: Ordering,
                failure: Ordering,
            ) -> Result<$value, $value> {
                self.explore().compare_exchange(current, new, success, failure)
            }

            /// As the standard library's, but never fails without reason.
            #[track_caller]
            pub fn compare_exchange_weak(
                &self,
                current: $value,
                new: $value,
                success: Ordering,
                failure: Ordering,
            ) -> Result<$value, $value> {
                self.explore().compare_exchange_weak(current, new, success, failure)
            }

            $(
                /// As the standard library's.
                #[track_caller]
                pub fn $arithmetic(&self, value: $value, order: Ordering) -> $value {
                    self.explore().$arithmetic(value, order)
                }
            )*
        }
    };
}

explored!(AtomicBool, bool, fetch_or, fetch_and);
explored!(AtomicU32, u32, fetch_add, fetch_sub, fetch_or, fetch_and);
explored!(AtomicU64, u64, fetch_add, fetch_sub, fetch_or, fetch_and);
explored!(AtomicUsize, usize, fetch_add, fetch_sub, fetch_or, fetch_and);
