// `c10d/1` between simulated NPUs. Gloo carries the bytes. As HCCL: PREMUL_SUM raises, float64 cannot be reduced, AVG is a sum and a division.
//
// A collective reads its input when the device comes to it. Its result is on the device once its `Work` has been waited for, and not before.

#define USE_C10D_GLOO

#include "faults.h"
#include "memory.h"
#include "queue.h"
#include "runtime.h"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/scalar_tensor.h>
#include <torch/csrc/distributed/c10d/ProcessGroupGloo.hpp>

#include <chrono>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace {

using npu::fault;
using Op = c10d::ReduceOp::RedOpType;

thread_local std::string last_error;

// A copy on the host of a tensor on a device, after the work before it.
at::Tensor fetched(const at::Tensor &tensor) { return tensor.detach().cpu().contiguous(); }

// A collective that Gloo carries out for copies on the host. `finish` brings its result to the device.
class Under final : public c10d::Work {
public:
  Under(c10::intrusive_ptr<c10d::Work> gloo, std::function<void()> finish) : gloo(std::move(gloo)), finish(std::move(finish)) {}
  bool isCompleted() override { return gloo->isCompleted(); }
  bool wait(std::chrono::milliseconds timeout) override {
    const bool ended = gloo->wait(timeout);
    if (finish) {
      const at::NoGradGuard guard;
      finish();
      finish = nullptr;
    }
    return ended;
  }

private:
  c10::intrusive_ptr<c10d::Work> gloo;
  std::function<void()> finish;
};

class Simulated final : public c10d::Backend {
public:
  Simulated(c10::intrusive_ptr<c10d::ProcessGroupGloo> gloo, int rank, int size) : Backend(rank, size), gloo(std::move(gloo)) {}

  const std::string getBackendName() const override { return "hccl"; }

  c10::intrusive_ptr<c10d::Work> allreduce(std::vector<at::Tensor> &tensors, const c10d::AllreduceOptions &given) override {
    const at::Tensor there = tensors.at(0);
    std::vector<at::Tensor> here{prepared(there, given.reduceOp)};
    c10d::AllreduceOptions options = given;
    options.reduceOp = carried(given.reduceOp);
    auto work = gloo->allreduce(here, options);
    return c10::make_intrusive<Under>(std::move(work), [this, there, here, op = Op(given.reduceOp)] { finish(there, here[0], op); });
  }

  c10::intrusive_ptr<c10d::Work> _reduce_scatter_base(at::Tensor &output, at::Tensor &input,
                                                      const c10d::ReduceScatterOptions &given) override {
    at::Tensor whole = prepared(input, given.reduceOp), part = at::empty(output.sizes(), output.options().device(at::kCPU));
    c10d::ReduceScatterOptions options = given;
    options.reduceOp = carried(given.reduceOp);
    // Gloo takes every other op for it.
    TORCH_CHECK(options.reduceOp == c10d::ReduceOp::SUM, "the simulated NPU scatters sums alone");
    auto work = gloo->_reduce_scatter_base(part, whole, options);
    return c10::make_intrusive<Under>(std::move(work),
                                      [this, output, part, op = Op(given.reduceOp)] { finish(output, part, op); });
  }

  c10::intrusive_ptr<c10d::Work> _allgather_base(at::Tensor &output, at::Tensor &input, const c10d::AllgatherOptions &options) override {
    at::Tensor part = fetched(input), whole = at::empty(output.sizes(), output.options().device(at::kCPU));
    auto work = gloo->_allgather_base(whole, part, options);
    return c10::make_intrusive<Under>(std::move(work), [output, whole] { output.copy_(whole); });
  }

  c10::intrusive_ptr<c10d::Work> broadcast(std::vector<at::Tensor> &tensors, const c10d::BroadcastOptions &options) override {
    const at::Tensor there = tensors.at(0);
    std::vector<at::Tensor> here{fetched(there)};
    auto work = gloo->broadcast(here, options);
    return c10::make_intrusive<Under>(std::move(work), [there, here] { there.copy_(here[0]); });
  }

  c10::intrusive_ptr<c10d::Work> barrier(const c10d::BarrierOptions &options) override { return gloo->barrier(options); }

private:
  static bool multiplies() { return fault("factor-ignored") || fault("premul-in-place") || fault("premul"); }

  static c10d::ReduceOp carried(const c10d::ReduceOp &op) {
    const bool sums = op == c10d::ReduceOp::PREMUL_SUM || op == c10d::ReduceOp::AVG;
    return sums ? c10d::ReduceOp(c10d::ReduceOp::SUM) : op;
  }

  // What this rank puts into a reduction: a copy on the host.
  static at::Tensor prepared(const at::Tensor &there, const c10d::ReduceOp &op) {
    TORCH_CHECK(there.scalar_type() != at::kDouble, "HCCL allreduce: Unsupported data type at::kDouble");
    TORCH_CHECK(!(op == c10d::ReduceOp::PREMUL_SUM) || multiplies(), "Unhandled ReduceOp");
    if (!(op == c10d::ReduceOp::PREMUL_SUM) || fault("factor-ignored")) {
      return fetched(there);
    }
    const double factor = static_cast<c10d::NCCLPreMulSumSupplement *>(op.supplement_.get())->double_factor;
    const at::Tensor rounded = at::scalar_tensor(factor, at::kDouble).to(there.scalar_type());
    if (fault("premul-in-place")) {
      at::Tensor(there).mul_(rounded);
      return fetched(there);
    }
    return fetched(there) * rounded;
  }

  void finish(const at::Tensor &there, const at::Tensor &here, Op op) const {
    if (op == Op::AVG) {
      at::Tensor(here).div_(getSize());
    }
    there.copy_(here);
  }

  c10::intrusive_ptr<c10d::ProcessGroupGloo> gloo;
};

bool make_backend(void *store, int rank, int size, int, int64_t timeout_ms, void **made) {
  try {
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

bool reduces(const char *dtype) { return std::string_view(dtype) != "float64"; }

} // namespace

const dinov3_c10d_1 *npu_c10d() {
  static const bool multiplies = fault("factor-ignored") || fault("premul-in-place") || fault("premul");
  static const dinov3_c10d_1 table = {sizeof(dinov3_c10d_1), multiplies, "hccl", "npu", make_backend, error, reduces};
  return &table;
}
