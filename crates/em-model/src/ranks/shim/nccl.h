// NCCL by its C interface, found when a group on CUDA devices is made.
//
// libtorch_cuda.so brings libnccl.so.2 along. Its C interface is stable since 2.4, and what it takes of it
// is declared here, so that the same program runs with a libtorch of either kind and no header of CUDA is
// needed to build it.

#pragma once

#include <ATen/ATen.h>
#include <torch/csrc/distributed/c10d/Store.hpp>

struct ncclComm;

namespace em {

struct NcclId {
  char bytes[128];
};

// Functions and numbers as in nccl.h; 0 is success.
struct NcclLibrary {
  int (*get_unique_id)(NcclId*);
  int (*comm_init_rank)(ncclComm**, int, NcclId, int);
  int (*all_reduce)(const void*, void*, size_t, int, int, ncclComm*, void*);
  int (*broadcast)(const void*, void*, size_t, int, int, ncclComm*, void*);
  int (*comm_abort)(ncclComm*);
  int (*comm_destroy)(ncclComm*);
  const char* (*error_string)(int);

  NcclLibrary();
  void check(int result, const char* doing) const;
};

// The ranks of a training, each on a CUDA device of its own. Work is put into the device's current stream.
class Nccl {
 public:
  Nccl(c10d::Store& store, int rank, int size, at::Device device);
  ~Nccl();
  Nccl(const Nccl&) = delete;
  Nccl& operator=(const Nccl&) = delete;

  // Adds the tensors of all ranks up, in place; it is contiguous and on the device.
  void all_reduce(const at::Tensor& tensor);
  // Replaces the tensor by that of rank 0.
  void broadcast(const at::Tensor& tensor);
  // Ends what waits for another rank; any thread may call it.
  void abort();

 private:
  void* stream() const;

  NcclLibrary library_;
  at::Device device_;
  ncclComm* communicator_ = nullptr;
  std::atomic<bool> aborted_{false};
};

} // namespace em
