#include "group.h"

#include <stdexcept>

#include <torch/csrc/distributed/c10d/PrefixStore.hpp>
#include <torch/csrc/distributed/c10d/ProcessGroupGloo.hpp>

namespace em {

namespace {

// How long Gloo itself waits for a tensor: longer than any step. Lost ranks are found by heartbeats before.
constexpr std::chrono::hours GLOO_TIMEOUT{24};

// How often a rank that waits looks whether another one is lost.
constexpr std::chrono::milliseconds LOOK{250};

} // namespace

Group::Group(
    const c10::intrusive_ptr<c10d::Store>& store,
    int rank,
    int size,
    const std::string& address,
    at::Device device) {
  if (device.is_cuda()) {
    nccl_ = std::make_unique<Nccl>(*store, rank, size, device);
    return;
  }
  // A rank that is lost before all are connected is waited for as long as the store waits.
  auto patience = store->getTimeout();
  auto options = address.empty() ? c10d::ProcessGroupGloo::Options::create_default(patience)
                                 : c10d::ProcessGroupGloo::Options::create(patience);
  if (!address.empty()) {
    options->devices.push_back(c10d::ProcessGroupGloo::createDeviceForHostname(address));
  }
  auto names = c10::make_intrusive<c10d::PrefixStore>("em/gloo", store);
  gloo_ = c10::make_intrusive<c10d::ProcessGroupGloo>(names, rank, size, options);
  gloo_->setTimeout(GLOO_TIMEOUT);
}

Group::~Group() {
  if (aborted_ && gloo_) {
    // It would wait for work that no rank finishes.
    gloo_.release();
  }
}

void Group::all_reduce(at::Tensor tensor) {
  check();
  if (nccl_) {
    nccl_->all_reduce(tensor);
    return;
  }
  std::vector<at::Tensor> tensors{tensor};
  wait(gloo_->allreduce(tensors));
}

void Group::broadcast(at::Tensor tensor) {
  check();
  if (nccl_) {
    nccl_->broadcast(tensor);
    return;
  }
  std::vector<at::Tensor> tensors{tensor};
  wait(gloo_->broadcast(tensors));
}

void Group::abort() {
  aborted_ = true;
  if (nccl_) {
    nccl_->abort();
  }
}

void Group::check() const {
  if (aborted_) {
    throw std::runtime_error("the ranks are no longer together");
  }
}

void Group::wait(const c10::intrusive_ptr<c10d::Work>& work) const {
  for (;;) {
    try {
      work->wait(LOOK);
      return;
    } catch (const std::exception&) {
      // Time is up, or the work failed: only the second completes it.
      if (work->isCompleted()) {
        work->wait();
        return;
      }
      check();
    }
  }
}

} // namespace em
