// What ProcessGroupGloo.hpp of libtorch names of Gloo.
//
// Gloo is compiled into libtorch, whose wheels come without its headers. That header holds Gloo's types
// behind pointers alone, whose size does not depend on them, and derives one adapter from its store, which
// is made within libtorch and never here. So these declarations, of which nothing is called, are all that
// compiling against it takes; Gloo's own headers need not be installed.

#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <vector>

namespace gloo {

class Context {
 public:
  void setTimeout(std::chrono::milliseconds timeout);
};

namespace rendezvous {

class Store {
 public:
  virtual ~Store() = default;
  virtual void set(const std::string& key, const std::vector<char>& data) = 0;
  virtual std::vector<char> get(const std::string& key) = 0;
  virtual void wait(const std::vector<std::string>& keys) = 0;
  virtual void wait(const std::vector<std::string>& keys, const std::chrono::milliseconds& timeout) = 0;
};

} // namespace rendezvous

namespace transport {

class Device;

class UnboundBuffer {
 public:
  virtual ~UnboundBuffer() = 0;
};

} // namespace transport

} // namespace gloo
