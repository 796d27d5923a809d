//! libtorch's c10d through `shim/`, the C++ beside tch that it takes: what ranks tell each other before they
//! are connected, and the tensors that they send. Gloo carries those of processors, NCCL those of CUDA devices.

#![expect(unsafe_code, reason = "c10d has no binding, and is called through a C interface of our own")]

use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::ptr::null_mut;
use std::time::Duration;

use tch::Tensor;

/// The result of a call: what went wrong, in the words of libtorch.
pub(super) type Called<T> = std::result::Result<T, String>;

/// Keys and values that all ranks see; rank 0 serves it, or the program that started the ranks.
#[derive(Debug)]
pub(super) struct Store(*mut c_void);

// SAFETY: a store of c10d locks itself for each call.
unsafe impl Send for Store {}
// SAFETY: as above.
unsafe impl Sync for Store {}

/// Where the store is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct StoreAddress {
    pub host: String,
    pub port: u16,
    /// Whether this rank is its server.
    pub serves: bool,
    /// What all keys of this training begin with.
    pub prefix: String,
}

impl Store {
    /// Connects to the store, for which this waits no longer than `timeout`; neither does any later call.
    pub fn connect(address: &StoreAddress, ranks: usize, timeout: Duration) -> Called<Self> {
        let (host, prefix) = (text(&address.host)?, text(&address.prefix)?);
        // No timeout has as many milliseconds as 64 bits count.
        let milliseconds = timeout.as_millis() as u64;
        let mut store = null_mut();
        // SAFETY: the texts live until the call returns, which writes a store where it succeeds.
        let error = unsafe {
            em_store_connect(
                host.as_ptr(),
                address.port,
                address.serves,
                ranks,
                prefix.as_ptr(),
                milliseconds,
                &mut store,
            )
        };
        checked(error)?;
        Ok(Self(store))
    }

    /// Tells a text to all ranks.
    pub fn set(&self, key: &str, value: &str) -> Called<()> {
        let (key, value) = (text(key)?, text(value)?);
        // SAFETY: the store is one that `connect` made, and the texts live until the call returns.
        checked(unsafe { em_store_set(self.0, key.as_ptr(), value.as_ptr()) })
    }

    /// Waits for a text that some rank tells.
    pub fn get(&self, key: &str) -> Called<String> {
        let key = text(key)?;
        let mut value = null_mut();
        // SAFETY: as for `set`; the call writes a text where it succeeds.
        checked(unsafe { em_store_get(self.0, key.as_ptr(), &mut value) })?;
        Ok(taken(value))
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        // SAFETY: `connect` made it, and nobody has it any more.
        unsafe { em_store_free(self.0) }
    }
}

/// The ranks as tensors are sent between them. All ranks call the same functions in the same order.
#[derive(Debug)]
pub(crate) struct Group(*mut c_void);

// SAFETY: c10d's process groups may be used from any thread, and `abort`, the one function that is called
// while another thread is in one of the others, changes an atomic number and calls what NCCL allows then.
unsafe impl Send for Group {}
// SAFETY: as above.
unsafe impl Sync for Group {}

impl Group {
    /// Connects the ranks; returns when all of them have called it.
    ///
    /// `address` is this machine's as the others reach it, or empty where a variable of Gloo chooses.
    pub fn new(
        store: &Store,
        (rank, size): (usize, usize),
        address: &str,
        device: tch::Device,
    ) -> Called<Self> {
        let address = text(address)?;
        let number = |number: usize| c_int::try_from(number).map_err(|error| error.to_string());
        let cuda = match device {
            tch::Device::Cuda(cuda) => number(cuda)?,
            _ => -1,
        };
        let mut group = null_mut();
        // SAFETY: the store is alive, and the call writes a group where it succeeds.
        checked(unsafe {
            em_group_new(store.0, number(rank)?, number(size)?, address.as_ptr(), cuda, &mut group)
        })?;
        Ok(Self(group))
    }

    /// Ends whatever waits for another rank, and all that follows.
    pub fn abort(&self) {
        // SAFETY: the group is alive, and may be aborted by any thread.
        unsafe { em_group_abort(self.0) }
    }

    /// Adds the tensors of all ranks up, in place. They are of one kind.
    pub fn all_reduce(&self, tensors: &[Tensor]) -> Called<()> {
        let tensors = pointers(tensors);
        // SAFETY: the group and the tensors live until the call returns, and no one else changes them.
        checked(unsafe { em_all_reduce(self.0, tensors.as_ptr(), tensors.len()) })
    }

    /// Replaces the tensors by those of rank 0. They are of one kind.
    pub fn broadcast(&self, tensors: &[Tensor]) -> Called<()> {
        let tensors = pointers(tensors);
        // SAFETY: as for `all_reduce`.
        checked(unsafe { em_broadcast(self.0, tensors.as_ptr(), tensors.len()) })
    }

    /// The sum of a tensor over all ranks, all of which go on with it alike: its gradient is that of each
    /// rank's tensor. What does not count is left out.
    ///
    /// The gradients are computed while the group is alive.
    pub fn sum_of_ranks(&self, local: &Tensor, counts: bool) -> Called<Tensor> {
        let mut sum = null_mut();
        // SAFETY: group and tensor are alive; the call writes a new tensor where it succeeds.
        checked(unsafe { em_sum_of_ranks(self.0, pointer(local), counts, &mut sum) })?;
        // SAFETY: it is ours alone.
        Ok(unsafe { Tensor::from_ptr(sum.cast()) })
    }

    /// Batch norm of `[n, channel, ...]` with the statistics of all ranks, and running statistics that follow.
    ///
    /// The gradients are computed while the group is alive.
    pub fn batch_norm(&self, norm: &Norm<'_>, counts: bool) -> Called<Tensor> {
        let mut output = null_mut();
        let [gain, shift, mean, variance] = [norm.gain, norm.shift, norm.mean, norm.variance].map(pointer);
        // SAFETY: group and tensors are alive; the call writes a new tensor where it succeeds.
        checked(unsafe {
            em_batch_norm(
                self.0,
                pointer(norm.input),
                gain,
                shift,
                mean,
                variance,
                norm.momentum,
                norm.epsilon,
                counts,
                &mut output,
            )
        })?;
        // SAFETY: it is ours alone.
        Ok(unsafe { Tensor::from_ptr(output.cast()) })
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        // SAFETY: `new` made it, and nobody has it any more.
        unsafe { em_group_free(self.0) }
    }
}

/// What a batch norm is computed of.
#[derive(Debug)]
pub(crate) struct Norm<'a> {
    pub input: &'a Tensor,
    pub gain: &'a Tensor,
    pub shift: &'a Tensor,
    pub mean: &'a Tensor,
    pub variance: &'a Tensor,
    pub momentum: f64,
    pub epsilon: f64,
}

fn pointers(tensors: &[Tensor]) -> Vec<*mut c_void> {
    tensors.iter().map(pointer).collect()
}

/// The `at::Tensor` behind a tensor of tch.
fn pointer(tensor: &Tensor) -> *mut c_void {
    tensor.as_ptr().cast_mut().cast()
}

fn text(text: &str) -> Called<CString> {
    CString::new(text).map_err(|_| format!("`{}` has a zero byte", text.escape_default()))
}

fn checked(error: *mut c_char) -> Called<()> {
    if error.is_null() { Ok(()) } else { Err(taken(error)) }
}

/// A text of the shim, which gets its memory back.
fn taken(text: *mut c_char) -> String {
    // SAFETY: the shim returns texts that end with a zero byte and are the caller's.
    unsafe {
        let copy = CStr::from_ptr(text).to_string_lossy().into_owned();
        em_text_free(text);
        copy
    }
}

// Of `shim/interface.cpp`.
unsafe extern "C" {
    fn em_text_free(text: *mut c_char);
    fn em_store_connect(
        host: *const c_char,
        port: u16,
        serves: bool,
        ranks: usize,
        prefix: *const c_char,
        timeout_ms: u64,
        store: *mut *mut c_void,
    ) -> *mut c_char;
    fn em_store_free(store: *mut c_void);
    fn em_store_set(store: *mut c_void, key: *const c_char, value: *const c_char) -> *mut c_char;
    fn em_store_get(store: *mut c_void, key: *const c_char, value: *mut *mut c_char) -> *mut c_char;
    fn em_group_new(
        store: *mut c_void,
        rank: c_int,
        size: c_int,
        address: *const c_char,
        cuda: c_int,
        group: *mut *mut c_void,
    ) -> *mut c_char;
    fn em_group_free(group: *mut c_void);
    fn em_group_abort(group: *mut c_void);
    fn em_all_reduce(group: *mut c_void, tensors: *const *mut c_void, count: usize) -> *mut c_char;
    fn em_broadcast(group: *mut c_void, tensors: *const *mut c_void, count: usize) -> *mut c_char;
    fn em_sum_of_ranks(
        group: *mut c_void,
        local: *const c_void,
        counts: bool,
        sum: *mut *mut c_void,
    ) -> *mut c_char;
    fn em_batch_norm(
        group: *mut c_void,
        input: *const c_void,
        gain: *const c_void,
        shift: *const c_void,
        running_mean: *mut c_void,
        running_variance: *mut c_void,
        momentum: f64,
        epsilon: f64,
        counts: bool,
        output: *mut *mut c_void,
    ) -> *mut c_char;
}
