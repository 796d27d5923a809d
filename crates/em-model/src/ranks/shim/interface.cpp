// What Rust calls (`../c10d.rs` declares the same): each function returns nothing, or what went wrong as a
// text that `em_text_free` takes back. No exception leaves.

#include "group.h"

#include <cstring>

#include <torch/csrc/distributed/c10d/PrefixStore.hpp>
#include <torch/csrc/distributed/c10d/TCPStore.hpp>

namespace {

using Store = c10::intrusive_ptr<c10d::Store>;

template <typename Work>
char* caught(Work work) {
  try {
    work();
    return nullptr;
  } catch (const c10::Error& error) {
    return strdup(error.what_without_backtrace());
  } catch (const std::exception& error) {
    return strdup(error.what());
  } catch (...) {
    return strdup("an exception that has no text");
  }
}

// The tensors one after the other, and back into them.
class Flat {
 public:
  Flat(at::Tensor** tensors, size_t count) : tensors_(tensors), count_(count) {
    std::vector<at::Tensor> flat;
    for (size_t i = 0; i < count; i++) {
      flat.push_back(tensors[i]->detach().reshape({-1}));
    }
    all = at::cat(flat);
  }

  void write_back() const {
    int64_t start = 0;
    for (size_t i = 0; i < count_; i++) {
      auto tensor = tensors_[i]->detach();
      tensor.copy_(all.narrow(0, start, tensor.numel()).view(tensor.sizes()));
      start += tensor.numel();
    }
  }

  at::Tensor all;

 private:
  at::Tensor** tensors_;
  size_t count_;
};

} // namespace

extern "C" {

void em_text_free(char* text) {
  free(text);
}

char* em_store_connect(
    const char* host,
    uint16_t port,
    bool serves,
    size_t ranks,
    const char* prefix,
    uint64_t timeout_ms,
    void** store) {
  return caught([&] {
    c10d::TCPStoreOptions options;
    options.port = port;
    options.isServer = serves;
    options.numWorkers = ranks;
    options.waitWorkers = false;
    options.timeout = std::chrono::milliseconds(timeout_ms);
    auto made = c10::make_intrusive<c10d::TCPStore>(host, options);
    *store = new Store(c10::make_intrusive<c10d::PrefixStore>(prefix, made));
  });
}

void em_store_free(void* store) {
  delete static_cast<Store*>(store);
}

char* em_store_set(void* store, const char* key, const char* value) {
  return caught([&] {
    auto bytes = reinterpret_cast<const uint8_t*>(value);
    (*static_cast<Store*>(store))->set(key, std::vector<uint8_t>(bytes, bytes + strlen(value)));
  });
}

// Waits until some rank has set the key. The text is the caller's, and goes back with em_text_free.
char* em_store_get(void* store, const char* key, char** value) {
  return caught([&] {
    auto bytes = (*static_cast<Store*>(store))->get(key);
    *value = strndup(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  });
}

// `cuda` is the number of a CUDA device, or below 0 for the processor.
char* em_group_new(void* store, int rank, int size, const char* address, int cuda, void** group) {
  return caught([&] {
    auto device = cuda < 0 ? at::Device(at::kCPU) : at::Device(at::kCUDA, static_cast<c10::DeviceIndex>(cuda));
    *group = new em::Group(*static_cast<Store*>(store), rank, size, address, device);
  });
}

void em_group_free(void* group) {
  delete static_cast<em::Group*>(group);
}

void em_group_abort(void* group) {
  // NCCL's error on the way out has no one to be told to.
  free(caught([&] { static_cast<em::Group*>(group)->abort(); }));
}

char* em_all_reduce(void* group, at::Tensor** tensors, size_t count) {
  return caught([&] {
    Flat flat(tensors, count);
    static_cast<em::Group*>(group)->all_reduce(flat.all);
    flat.write_back();
  });
}

char* em_broadcast(void* group, at::Tensor** tensors, size_t count) {
  return caught([&] {
    Flat flat(tensors, count);
    static_cast<em::Group*>(group)->broadcast(flat.all);
    flat.write_back();
  });
}

char* em_sum_of_ranks(void* group, const at::Tensor* local, bool counts, at::Tensor** sum) {
  return caught([&] {
    *sum = new at::Tensor(em::sum_of_ranks(*static_cast<em::Group*>(group), *local, counts));
  });
}

char* em_batch_norm(
    void* group,
    const at::Tensor* input,
    const at::Tensor* gain,
    const at::Tensor* shift,
    at::Tensor* running_mean,
    at::Tensor* running_variance,
    double momentum,
    double epsilon,
    bool counts,
    at::Tensor** output) {
  return caught([&] {
    auto& ranks = *static_cast<em::Group*>(group);
    *output = new at::Tensor(em::batch_norm(
        ranks, *input, *gain, *shift, *running_mean, *running_variance, momentum, epsilon, counts));
  });
}

} // extern "C"
