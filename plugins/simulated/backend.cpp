// A backend of c10d as a device's maker would lend it, on the host's memory: with it, all that is done for such backends can be tested where
// there is no device. Gloo carries the sums; the factor of PREMUL_SUM, which Gloo lacks, is multiplied here.
//
// DINOV3_SIMULATED_FAULT names what is to be wrong with it, each a fault that backends have had:
//   factor-ignored   PREMUL_SUM is SUM (Gloo's reduce-scatter)
//   bf16-zeros       PREMUL_SUM at a power of two gives zeros in bf16 (NCCL, which reads half of the factor's bits)
//   no-premul-sum    there is none, and the table says so (HCCL)
//   denies           there is none, though the table says so
//   out-of-order     no rank is connected
//   other-torch, other-abi   it was made for another libtorch, or for another harness

#define USE_C10D_GLOO

#include "dinov3_plugin.h"

#include <ATen/Functions.h>
#include <torch/csrc/distributed/c10d/ProcessGroupGloo.hpp>
#include <torch/version.h>

#include <chrono>
#include <cmath>
#include <cstdlib>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace {

bool is_broken(std::string_view fault) {
  const char *named = std::getenv("DINOV3_SIMULATED_FAULT");
  return named != nullptr && fault == named;
}

thread_local std::string last_error;

class Simulated final : public c10d::Backend {
public:
  Simulated(c10::intrusive_ptr<c10d::ProcessGroupGloo> gloo, int rank, int size)
      : Backend(rank, size), gloo(std::move(gloo)) {}

  const std::string getBackendName() const override { return "simulated"; }

  c10::intrusive_ptr<c10d::Work> allreduce(std::vector<at::Tensor> &tensors, const c10d::AllreduceOptions &given) override {
    c10d::AllreduceOptions options = given;
    options.reduceOp = summed(given.reduceOp);
    for (at::Tensor &tensor : tensors) {
      tensor.copy_(multiplied(tensor, given.reduceOp));
    }
    return gloo->allreduce(tensors, options);
  }

  c10::intrusive_ptr<c10d::Work> _reduce_scatter_base(at::Tensor &output, at::Tensor &input,
                                                      const c10d::ReduceScatterOptions &given) override {
    c10d::ReduceScatterOptions options = given;
    options.reduceOp = summed(given.reduceOp);
    // Gloo takes every other op for it.
    TORCH_CHECK(options.reduceOp == c10d::ReduceOp::SUM, "the simulated device scatters sums alone");
    at::Tensor scaled = multiplied(input, given.reduceOp);
    return gloo->_reduce_scatter_base(output, scaled, options);
  }

  c10::intrusive_ptr<c10d::Work> _allgather_base(at::Tensor &output, at::Tensor &input,
                                                 const c10d::AllgatherOptions &options) override {
    return gloo->_allgather_base(output, input, options);
  }

  c10::intrusive_ptr<c10d::Work> broadcast(std::vector<at::Tensor> &tensors, const c10d::BroadcastOptions &options) override {
    return gloo->broadcast(tensors, options);
  }

  c10::intrusive_ptr<c10d::Work> barrier(const c10d::BarrierOptions &options) override { return gloo->barrier(options); }

private:
  static c10d::ReduceOp summed(const c10d::ReduceOp &op) {
    return op == c10d::ReduceOp::PREMUL_SUM ? c10d::ReduceOp(c10d::ReduceOp::SUM) : op;
  }

  static at::Tensor multiplied(const at::Tensor &tensor, const c10d::ReduceOp &op) {
    if (!(op == c10d::ReduceOp::PREMUL_SUM) || is_broken("factor-ignored")) {
      return tensor;
    }
    TORCH_CHECK(!is_broken("denies") && !is_broken("no-premul-sum"), "the simulated device has no PREMUL_SUM");
    const auto *supplement = static_cast<c10d::NCCLPreMulSumSupplement *>(op.supplement_.get());
    const double factor = supplement->double_factor;
    int exponent = 0;
    const bool power = std::abs(std::frexp(factor, &exponent)) == 0.5;
    if (is_broken("bf16-zeros") && tensor.scalar_type() == at::kBFloat16 && power && factor != 1.0) {
      return at::zeros_like(tensor);
    }
    return tensor * at::scalar_tensor(factor, at::kDouble).to(tensor.scalar_type());
  }

  c10::intrusive_ptr<c10d::ProcessGroupGloo> gloo;
};

int devices() { return 0; }

bool make_backend(void *store, int rank, int size, int, int64_t timeout_ms, void **made) {
  try {
    TORCH_CHECK(!is_broken("out-of-order"), "the simulated device is out of order");
    auto options = c10d::ProcessGroupGloo::Options::create(std::chrono::milliseconds(timeout_ms));
    options->devices.push_back(c10d::ProcessGroupGloo::createDeviceForHostname("127.0.0.1"));
    const auto &ours = *static_cast<c10::intrusive_ptr<c10d::Store> *>(store);
    auto gloo = c10::make_intrusive<c10d::ProcessGroupGloo>(ours, rank, size, options);
    *made = new c10::intrusive_ptr<c10d::Backend>(c10::make_intrusive<Simulated>(std::move(gloo), rank, size));
    return true;
  } catch (const c10::Error &error) {
    last_error = error.what_without_backtrace();
  } catch (const std::exception &error) {
    last_error = error.what();
  }
  return false;
}

const char *error() { return last_error.c_str(); }

} // namespace

extern "C" const dinov3_plugin_table *dinov3_plugin() {
  static const dinov3_plugin_table table = {
      is_broken("other-abi") ? DINOV3_PLUGIN_ABI + 1U : DINOV3_PLUGIN_ABI,
      is_broken("other-torch") ? "2.7.1" : TORCH_VERSION,
      "simulated",
      "cpu",
      !is_broken("no-premul-sum"),
      devices,
      make_backend,
      error,
  };
  return &table;
}
