// What the files of the shim that make process groups share; see shim.h.
#pragma once

#include "guard.h"
#include "shim.h"

#include <torch/csrc/distributed/c10d/Backend.hpp>
#include <torch/csrc/distributed/c10d/Store.hpp>

// Only for what Gloo throws.
#include "gloo/forward.h"

#include <c10/util/Logging.h>

#include <cstdlib>
#include <iostream>
#include <mutex>
#include <streambuf>
#include <string>
#include <string_view>

using Store = c10::intrusive_ptr<c10d::Store>;
using Backend = c10::intrusive_ptr<c10d::Backend>;

inline Store &store(dinov3_store pointer) { return *static_cast<Store *>(pointer); }

inline bool says(const std::string &message, std::string_view part) { return message.find(part) != std::string::npos; }

// Neither c10d nor Gloo has an exception of its own for a wait that took too long: only the words differ.
inline bool timed_out(const std::string &message) {
  return says(message, "Timed out waiting") || says(message, "wait timeout after") ||
         says(message, "Operation timed out") || says(message, "has timed out") || says(message, " - timed out ") ||
         says(message, "timed out in blocking wait") || says(message, "collective operation timeout");
}

// Of what NCCL and its like raise, only the words tell that a peer is gone.
inline bool peer_is_gone(const std::string &message) {
  return says(message, "remote process exited or there was a network error") || says(message, "ncclRemoteError") ||
         says(message, "ncclSystemError");
}

// Runs `body` and says how it ended; its message is kept when it throws. What c10 throws carries a backtrace, which is left out.
template <typename Body> dinov3_outcome outcome(Body body) {
  try {
    body();
    return DINOV3_DONE;
  } catch (const c10::DistNetworkError &error) {
    last_error = error.what_without_backtrace();
    return timed_out(last_error) ? DINOV3_TIMED_OUT : DINOV3_DISCONNECTED;
  } catch (const c10::Error &error) {
    last_error = error.what_without_backtrace();
    if (peer_is_gone(last_error)) {
      return DINOV3_DISCONNECTED;
    }
  } catch (const gloo::IoException &error) {
    last_error = error.what();
    return timed_out(last_error) ? DINOV3_TIMED_OUT : DINOV3_DISCONNECTED;
  } catch (const std::exception &error) {
    last_error = error.what();
  } catch (...) {
    last_error = "an exception that is not a std::exception";
  }
  return timed_out(last_error) ? DINOV3_TIMED_OUT : DINOV3_REFUSED;
}

// While ranks look for each other, c10d logs every wait that it takes up again, with a backtrace, and Gloo prints on standard output
// that it has connected. What matters of it is in the errors. Whoever sets TORCH_CPP_LOG_LEVEL gets the log.
class Quiet {
public:
  Quiet() {
    std::lock_guard<std::mutex> lock(mutex);
    if (count++ == 0) {
      output = std::cout.rdbuf(&nowhere);
      level = FLAGS_caffe2_log_level;
      FLAGS_caffe2_log_level = std::getenv("TORCH_CPP_LOG_LEVEL") ? level : c10::GLOG_FATAL;
    }
  }
  ~Quiet() {
    std::lock_guard<std::mutex> lock(mutex);
    if (--count == 0) {
      std::cout.rdbuf(output);
      FLAGS_caffe2_log_level = level;
    }
  }
  Quiet(const Quiet &) = delete;
  Quiet &operator=(const Quiet &) = delete;

private:
  struct Nowhere : std::streambuf {
    int overflow(int character) override { return traits_type::not_eof(character); }
  };
  static inline Nowhere nowhere;
  static inline std::mutex mutex;
  static inline int count = 0, level = 0;
  static inline std::streambuf *output = nullptr;
};

template <typename Body> dinov3_outcome quietly(Body body) {
  const Quiet quiet;
  return outcome(body);
}
