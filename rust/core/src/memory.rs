//! Hints about memory to the processor and the operating system.

/// Asks the processor to fetch the cache line at an address. Never faults, whatever the address.
#[inline(always)]
pub fn prefetch(address: *const u8) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: a prefetch reads nothing and cannot fault; SSE is part of every x86-64 processor.
    unsafe {
        std::arch::x86_64::_mm_prefetch::<{ std::arch::x86_64::_MM_HINT_T0 }>(address.cast());
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = address;
}

/// [`prefetch`] for every cache line of a slice.
#[inline]
pub fn prefetch_slice(bytes: &[u8]) {
    for line in bytes.chunks(64) {
        prefetch(line.as_ptr());
    }
}

/// A number whose zero is all bits zero.
pub trait Number: Copy + Default {}
impl Number for u8 {}
impl Number for u16 {}
impl Number for u32 {}
impl Number for u64 {}
impl Number for i32 {}

/// A vector of zeros that lies in huge pages where the system has them: fewer faults, fewer address misses.
#[must_use]
pub fn zeroed<T: Number>(len: usize) -> Vec<T> {
    let vector = vec![T::default(); len];
    ask_for_huge_pages(&vector);
    vector
}

/// An array on the heap that was never on the stack, where a large one may have no room.
#[must_use]
pub fn boxed<T: Copy, const N: usize>(value: T) -> Box<[T; N]> {
    into_array(vec![value; N])
}

/// [`boxed`] in huge pages where the system has them.
#[must_use]
pub fn boxed_in_huge_pages<T: Copy, const N: usize>(value: T) -> Box<[T; N]> {
    let mut vector = Vec::with_capacity(N);
    ask_for_huge_pages(&vector);
    vector.resize(N, value);
    into_array(vector)
}

/// An array of a vector of its length.
// On the stack a large one may have no room.
#[allow(clippy::unnecessary_box_returns)]
fn into_array<T, const N: usize>(vector: Vec<T>) -> Box<[T; N]> {
    // It fails only for another length.
    vector.into_boxed_slice().try_into().unwrap_or_else(|_| unreachable!("it has {N}"))
}

/// An empty vector whose room lies in huge pages where the system has them, if it is so large that the allocator takes it
/// from the system each time.
#[must_use]
pub fn with_room<T: Number>(capacity: usize) -> Vec<T> {
    const FROM_SYSTEM: usize = 1 << 25;
    let vector = Vec::with_capacity(capacity);
    if capacity * size_of::<T>() >= FROM_SYSTEM {
        ask_for_huge_pages(&vector);
    }
    vector
}

fn ask_for_huge_pages<T>(vector: &Vec<T>) {
    // Miri has no memory of a system's to give advice about.
    #[cfg(all(target_os = "linux", not(miri)))]
    {
        const HUGE: usize = 1 << 21;
        let start = vector.as_ptr() as usize;
        let end = start + vector.capacity() * size_of::<T>();
        let (first, last) = (start.next_multiple_of(HUGE), end / HUGE * HUGE);
        if first < last {
            // SAFETY: the range lies within the vector's own memory, and the advice changes no content.
            unsafe { libc::madvise(first as *mut libc::c_void, last - first, libc::MADV_HUGEPAGE) };
        }
    }
    #[cfg(not(all(target_os = "linux", not(miri))))]
    let _ = vector;
}
