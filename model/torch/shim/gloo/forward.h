// What c10d's header for Gloo needs of Gloo. libtorch holds Gloo's code but ships none of its headers.
//
// Nothing of this is called or made here: c10d makes these objects, and the shim passes pointers to them on. Only names and, for the
// store that c10d derives from, the virtual functions that it overrides are needed.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

namespace gloo {

// Later headers of c10d than 2.8's call this one function in place; libtorch defines it.
class Context {
public:
  void setTimeout(std::chrono::milliseconds timeout);
};

// What Gloo throws when a connection breaks, and when a peer keeps it waiting.
struct Exception : std::runtime_error {
  using std::runtime_error::runtime_error;
};
struct IoException : Exception {
  using Exception::Exception;
};

namespace rendezvous {

class Store {
public:
  virtual ~Store() = default;
  virtual void set(const std::string &key, const std::vector<char> &data) = 0;
  virtual std::vector<char> get(const std::string &key) = 0;
  virtual void wait(const std::vector<std::string> &keys) = 0;
  virtual void wait(const std::vector<std::string> &keys, const std::chrono::milliseconds &timeout) = 0;
};

} // namespace rendezvous

namespace transport {

class Device;

class UnboundBuffer {
public:
  virtual ~UnboundBuffer() = default;
};

} // namespace transport
} // namespace gloo
