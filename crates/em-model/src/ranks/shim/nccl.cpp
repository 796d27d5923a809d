#include "nccl.h"

#include <c10/core/DeviceGuard.h>
#include <c10/core/impl/VirtualGuardImpl.h>
#include <dlfcn.h>

#include <cstring>
#include <stdexcept>

namespace em {

namespace {

constexpr const char* LIBRARY = "libnccl.so.2";
constexpr const char* ID_KEY = "em/nccl-id";
constexpr int SUM = 0;

template <typename Function>
void find(void* library, const char* name, Function& function) {
  void* found = dlsym(library, name);
  if (found == nullptr) {
    throw std::runtime_error(std::string(LIBRARY) + " has no function " + name);
  }
  function = reinterpret_cast<Function>(found);
}

// ncclDataType_t.
int type_of(const at::Tensor& tensor) {
  switch (tensor.scalar_type()) {
    case at::kLong:
      return 4;
    case at::kFloat:
      return 7;
    case at::kDouble:
      return 8;
    default:
      throw std::runtime_error("tensors of this type are not sent between devices");
  }
}

} // namespace

NcclLibrary::NcclLibrary() {
  // libtorch_cuda.so is linked to it, so that it is loaded already, from wherever it lies.
  void* library = dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) {
    throw std::runtime_error(std::string("ranks on CUDA devices need ") + LIBRARY + ": " + dlerror());
  }
  find(library, "ncclGetUniqueId", get_unique_id);
  find(library, "ncclCommInitRank", comm_init_rank);
  find(library, "ncclAllReduce", all_reduce);
  find(library, "ncclBroadcast", broadcast);
  find(library, "ncclCommAbort", comm_abort);
  find(library, "ncclCommDestroy", comm_destroy);
  find(library, "ncclGetErrorString", error_string);
}

void NcclLibrary::check(int result, const char* doing) const {
  if (result != 0) {
    throw std::runtime_error(std::string("NCCL cannot ") + doing + ": " + error_string(result));
  }
}

Nccl::Nccl(c10d::Store& store, int rank, int size, at::Device device) : device_(device) {
  NcclId id;
  if (rank == 0) {
    library_.check(library_.get_unique_id(&id), "begin");
    store.set(ID_KEY, std::vector<uint8_t>(id.bytes, id.bytes + sizeof(id.bytes)));
  } else {
    auto bytes = store.get(ID_KEY);
    if (bytes.size() != sizeof(id.bytes)) {
      throw std::runtime_error("rank 0 told no identifier of NCCL");
    }
    std::memcpy(id.bytes, bytes.data(), sizeof(id.bytes));
  }
  c10::DeviceGuard guard(device_);
  library_.check(library_.comm_init_rank(&communicator_, size, id, rank), "connect the devices");
}

Nccl::~Nccl() {
  if (communicator_ != nullptr && !aborted_) {
    library_.comm_destroy(communicator_);
  }
}

void* Nccl::stream() const {
  const c10::impl::VirtualGuardImpl devices(c10::DeviceType::CUDA);
  return devices.getStreamNativeHandle(devices.getStream(device_));
}

void Nccl::all_reduce(const at::Tensor& tensor) {
  c10::DeviceGuard guard(device_);
  void* data = tensor.data_ptr();
  auto count = static_cast<size_t>(tensor.numel());
  library_.check(
      library_.all_reduce(data, data, count, type_of(tensor), SUM, communicator_, stream()), "add tensors up");
}

void Nccl::broadcast(const at::Tensor& tensor) {
  c10::DeviceGuard guard(device_);
  void* data = tensor.data_ptr();
  auto count = static_cast<size_t>(tensor.numel());
  library_.check(
      library_.broadcast(data, data, count, type_of(tensor), 0, communicator_, stream()), "send a tensor");
}

void Nccl::abort() {
  if (!aborted_.exchange(true) && communicator_ != nullptr) {
    library_.comm_abort(communicator_);
  }
}

} // namespace em
