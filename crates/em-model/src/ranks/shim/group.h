// The ranks of a training, and the tensors that they send each other.

#pragma once

#include <atomic>
#include <memory>

#include <torch/csrc/distributed/c10d/Backend.hpp>
#include <torch/csrc/distributed/c10d/Store.hpp>

#include "nccl.h"

namespace em {

class Group {
 public:
  // `address` is this machine's as the others reach it, and stands for the choice of an interface; empty
  // where the user has made it.
  Group(const c10::intrusive_ptr<c10d::Store>& store, int rank, int size, const std::string& address, at::Device device);
  ~Group();
  Group(const Group&) = delete;
  Group& operator=(const Group&) = delete;

  // Adds the tensors of all ranks up, in place; they are contiguous.
  void all_reduce(at::Tensor tensor);
  // Replaces the tensor, which is contiguous, by that of rank 0.
  void broadcast(at::Tensor tensor);
  // Ends what waits for another rank, and all that follows; any thread may call it.
  void abort();

 private:
  void check() const;
  void wait(const c10::intrusive_ptr<c10d::Work>& work) const;

  c10::intrusive_ptr<c10d::Backend> gloo_;
  std::unique_ptr<Nccl> nccl_;
  std::atomic<bool> aborted_{false};
};

// The sum of a tensor over ranks that all go on with it in the same way, so that the gradient of each rank's
// tensor is that of the sum. What does not count is left out.
at::Tensor sum_of_ranks(Group& group, const at::Tensor& local, bool counts);

// Batch norm with the statistics of all ranks' voxels; of a rank that does not count there are none.
// The running statistics follow as in torch::batch_norm.
at::Tensor batch_norm(
    Group& group,
    const at::Tensor& input,
    const at::Tensor& gain,
    const at::Tensor& shift,
    at::Tensor running_mean,
    at::Tensor running_variance,
    double momentum,
    double epsilon,
    bool counts);

} // namespace em
