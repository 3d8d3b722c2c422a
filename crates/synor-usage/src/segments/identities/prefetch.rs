//! The one thing here that safe Rust cannot say: that memory will be wanted soon.

/// Asks the processor to load the cache line of `value`, and does not wait. Does nothing where there
/// is no such instruction.
#[inline]
#[allow(unsafe_code)]
pub fn prefetch<T>(value: &T) {
    #[cfg(target_arch = "x86_64")]
    {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        // SAFETY: the instruction is part of every x86-64 processor, reads nothing that the program
        // can see and cannot fault, and the address is that of a live reference.
        unsafe { _mm_prefetch(std::ptr::from_ref(value).cast::<i8>(), _MM_HINT_T0) }
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = value;
}
