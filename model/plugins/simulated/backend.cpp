// `c10d/1` on the host's memory. Gloo carries the sums; the factor of PREMUL_SUM, which Gloo lacks, is multiplied here.

#define USE_C10D_GLOO

#include "faults.h"
#include "simulated.h"

#include <ATen/ops/scalar_tensor.h>
#include <ATen/ops/zeros_like.h>
#include <torch/csrc/distributed/c10d/ProcessGroupGloo.hpp>

#include <chrono>
#include <cmath>
#include <cstddef>
#include <cstdlib>
#include <string>
#include <utility>
#include <vector>

namespace {

thread_local std::string last_error;

class Simulated final : public c10d::Backend {
public:
  Simulated(c10::intrusive_ptr<c10d::ProcessGroupGloo> gloo, int rank, int size)
      : Backend(rank, size), gloo(std::move(gloo)) {}

  const std::string getBackendName() const override { return "simulated"; }

  c10::intrusive_ptr<c10d::Work> allreduce(std::vector<at::Tensor> &tensors, const c10d::AllreduceOptions &given) override {
    if (is_broken("aborts")) {
      std::abort();
    }
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
    if (is_broken("chunks-swapped")) {
      scaled = scaled.roll(input.numel() / getSize());
    }
    return gloo->_reduce_scatter_base(output, scaled, options);
  }

  c10::intrusive_ptr<c10d::Work> _allgather_base(at::Tensor &output, at::Tensor &input,
                                                 const c10d::AllgatherOptions &options) override {
    auto work = gloo->_allgather_base(output, input, options);
    if (is_broken("gather-reversed")) {
      work->wait();
      output.copy_(output.view({getSize(), -1}).flip(0).reshape(output.sizes()));
    }
    return work;
  }

  c10::intrusive_ptr<c10d::Work> broadcast(std::vector<at::Tensor> &tensors, const c10d::BroadcastOptions &given) override {
    c10d::BroadcastOptions options = given;
    options.rootRank = is_broken("root-ignored") ? 0 : given.rootRank;
    return gloo->broadcast(tensors, options);
  }

  c10::intrusive_ptr<c10d::Work> barrier(const c10d::BarrierOptions &options) override {
    if (is_broken("barrier-open")) {
      return c10::make_intrusive<Ended>();
    }
    return gloo->barrier(options);
  }

private:
  // A collective that has ended.
  struct Ended final : c10d::Work {
    bool isCompleted() override { return true; }
    bool wait(std::chrono::milliseconds) override { return true; }
  };

  static c10d::ReduceOp summed(const c10d::ReduceOp &op) {
    const bool sums = op == c10d::ReduceOp::PREMUL_SUM || is_broken("max-is-sum");
    return sums ? c10d::ReduceOp(c10d::ReduceOp::SUM) : op;
  }

  // What this rank puts into a reduction by `op`.
  at::Tensor multiplied(const at::Tensor &tensor, const c10d::ReduceOp &op) const {
    if (is_broken("drops-a-rank") && getRank() == getSize() - 1) {
      return at::zeros_like(tensor);
    }
    if (is_broken("int64-as-float") && tensor.scalar_type() == at::kLong) {
      return tensor.to(at::kFloat).to(at::kLong);
    }
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

bool make_backend(void *store, int rank, int size, int, int64_t timeout_ms, void **made) {
  try {
    TORCH_CHECK(!is_broken("out-of-order"), "the simulated device is out of order");
    const auto limit = is_broken("waits-for-ever") ? std::chrono::hours(24) : std::chrono::milliseconds(timeout_ms);
    auto options = c10d::ProcessGroupGloo::Options::create(limit);
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

// As a newer header may have it.
struct Newer {
  dinov3_c10d_1 known;
  const char *unknown;
};

} // namespace

const dinov3_c10d_1 *simulated_c10d() {
  static const Newer table = {
      {
          is_broken("newer")              ? static_cast<uint32_t>(sizeof(Newer))
          : is_broken("small-capability") ? static_cast<uint32_t>(offsetof(dinov3_c10d_1, make_backend))
                                          : static_cast<uint32_t>(sizeof(dinov3_c10d_1)),
          !is_broken("no-premul-sum"),
          "simulated",
          "cpu",
          is_broken("gap") ? nullptr : make_backend,
          error,
          nullptr,
      },
      "a member of another year",
  };
  return &table.known;
}
